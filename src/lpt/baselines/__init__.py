"""Rivals of long-tailed prompt tuning, each a small stage against the same loop."""

from lpt.baselines.linear_probe import LinearProbe, train_linear_probe

__all__ = ["LinearProbe", "train_linear_probe"]
