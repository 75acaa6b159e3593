"""The tasks of a server: files, versions, budgets of bytes."""
