"""A run: its data and backbone, its folder, and its result."""
