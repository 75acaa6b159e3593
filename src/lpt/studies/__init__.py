"""The comparisons of the paper, and the demo."""
