"""The comparison: one page that opens offline, its tables as files, and its table as plain text."""

from eva.evaluation.report.inputs import ReportInputs, gather
from eva.evaluation.report.page import Report, build, write

__all__ = ["Report", "ReportInputs", "build", "gather", "write"]
