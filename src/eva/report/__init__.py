"""The comparison: one page that opens offline, its tables and figures as files, and plain text."""

from eva.report.inputs import Item, ReportInputs, gather, items
from eva.report.page import Report, build, write

__all__ = ["Item", "Report", "ReportInputs", "build", "gather", "items", "write"]
