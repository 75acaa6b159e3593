"""`lpt report`: one HTML file that opens offline, of one run or of several side by side."""

from lpt.analysis.report.page import write_report

__all__ = ["write_report"]
