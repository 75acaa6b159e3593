"""What the tests of configuration share."""

from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel

PRINTABLE = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=30)


def value_at(config: BaseModel, path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value
