"""`lpt bench`: speed as ratios measured in one run."""
