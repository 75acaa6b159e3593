"""Studies as data, and what a user changes about them."""
