"""Notes about data that is read in a way that its owner may not expect."""

from lpt.deprecation import warn_caller
from lpt.escape import printable, shortened

__all__ = ["DataWarning", "note"]

_LONGEST = 1000  # characters: names from outside may have any length


class DataWarning(UserWarning):
    """Data was read, but perhaps not as its owner expects. The command line prints one line."""


def note(text: str) -> None:
    """Warn about data, once per text and place of the caller.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     note("birds.csv: unusual blanks around 2 values were removed.")
    >>> print(caught[0].message)
    birds.csv: unusual blanks around 2 values were removed.
    """
    warn_caller(shortened(printable(text), _LONGEST), DataWarning)
