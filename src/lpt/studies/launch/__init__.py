"""Start a study on many machines: as jobs of Slurm, or as tasks of Ray."""
