"""`lpt report`: one self-contained HTML file about one run, or a comparison of several."""

from lpt.analysis.report.page import write_report

__all__ = ["write_report"]
