"""Understanding a run: the method's own analyses, the rare classes, and a report of both."""

from lpt.analysis.analysis_results import Analysis, read_analysis
from lpt.analysis.run_analysis import run_analysis

__all__ = ["Analysis", "read_analysis", "run_analysis"]
