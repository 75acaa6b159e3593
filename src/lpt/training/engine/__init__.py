"""The training loop: stages, steps, sampling plans, checkpoints and the view cache."""
