"""Reference fixtures and a plain implementation of the method to compare with."""
