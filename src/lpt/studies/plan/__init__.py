"""From the rows of a study to its runs, and the store that keeps their results."""
