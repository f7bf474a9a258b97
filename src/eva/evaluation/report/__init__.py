"""The comparison: one page that opens offline, its tables and figures as files, and plain text."""

from eva.evaluation.report.inputs import ReportInputs, gather
from eva.evaluation.report.page import Report, build, write

__all__ = ["Report", "ReportInputs", "build", "gather", "write"]
