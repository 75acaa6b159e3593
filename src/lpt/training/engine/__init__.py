"""The training loop: stages, steps, sampling plans, checkpoints and cached views."""
