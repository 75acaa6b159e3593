"""Default settings of data; free of heavy imports, so that the command line can show them."""

__all__ = ["FEW_BELOW", "MANY_ABOVE", "TEST_FRACTION", "VAL_FRACTION"]

VAL_FRACTION = 0.1
"""Share of the training images of a class that are held out for validation."""

TEST_FRACTION = 0.2
"""Share of the images of a class that are held out for testing."""

MANY_ABOVE = 100
"""Classes with more training images are many-shot."""

FEW_BELOW = 20
"""Classes with fewer training images are few-shot."""
