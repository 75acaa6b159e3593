"""The phases of long-tailed prompt tuning as stages, and where their parameters start."""
