"""Reference fixtures, and a plain implementation of the method for comparison."""
