"""The report: an offline HTML page, its tables and figures as files, and a table as plain text."""

from eva.report.inputs import Item, ReportInputs, gather, items
from eva.report.page import Report, build, write

__all__ = ["Item", "Report", "ReportInputs", "build", "gather", "items", "write"]
