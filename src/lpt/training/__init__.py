"""Training: the loop, the phases that it runs, run folders and resuming."""
