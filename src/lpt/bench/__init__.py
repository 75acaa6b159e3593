"""`lpt bench`: speed ratios, measured in one run."""
