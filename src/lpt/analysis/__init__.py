"""Analysis of a trained task: features, prompts, confidence, rare classes; and a report of it."""

from lpt.analysis.analysis_results import Analysis, read_analysis
from lpt.analysis.run_analysis import run_analysis

__all__ = ["Analysis", "read_analysis", "run_analysis"]
