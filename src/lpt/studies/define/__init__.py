"""Studies as data, and the user's overrides."""
