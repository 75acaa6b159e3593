"""Reading and writing files: atomic, locked, bounded, and against schemas."""
