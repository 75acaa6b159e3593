"""Measurements of a finished run; they are defined with the task, which carries them."""

from lpt.task.run_result import Result, Summary

__all__ = ["Result", "Summary"]
