"""Training and measuring the runs of a study."""
