"""Rows named by a prefix of their labels."""

from collections.abc import Sequence

from lpt.errors import ConfigError

__all__ = ["label_of"]


def label_of(asked: str, labels: Sequence[str], option: str) -> str:
    """Return the label meant: in full, or by a unique prefix, ignoring case.

    Raises: ConfigError naming the rows if none or several match.
    """
    if asked in labels:
        return asked
    found = [label for label in labels if label.lower().startswith(asked.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f'{option} "{asked}": ambiguous: {"; ".join(found)}. Write more of it.')
    raise ConfigError(f'{option} "{asked}": not a row of this study. Rows: {"; ".join(labels)}.')
