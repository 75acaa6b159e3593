"""Decisions from probabilities: sets of labels and thresholds, from scores that a task stores."""
