"""The only training loop, the two phases it runs, run folders and resuming."""
