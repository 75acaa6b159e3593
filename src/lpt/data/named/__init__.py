"""Data sets known by name."""

from lpt.data.named.catalog import NAMED, NamedSet

__all__ = ["NAMED", "NamedSet"]
