"""A run in several processes: its folder, its evaluation, its clock."""
