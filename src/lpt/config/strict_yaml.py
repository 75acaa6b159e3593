"""YAML from outside, read within limits of size, depth and expansion, and with line numbers.

A few lines of nested aliases can stand for billions of values. Anchors and merge keys are read as
long as the document stays small when they are written out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

__all__ = ["MAX_BYTES", "Document", "YamlError", "read_yaml"]

MAX_BYTES = 2**16
"""Largest accepted text. A configuration with every setting has 4 kB."""

_MAX_VALUES = 5000
_MAX_DEPTH = 20

Path = tuple[str, ...]


class YamlError(ValueError):
    """A text that is not YAML, or exceeds a limit.

    Attributes:
        line: where, counted from 1; None if it is not known.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True)
class Document:
    """The content of a YAML text.

    Attributes:
        value: mappings, sequences, text, numbers, booleans, dates and None.
        lines: line of each key of the nested mappings, counted from 1, by the keys that lead to it.
    """

    value: Any
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line_of(self, path: Path) -> int | None:
        """Return the line of a key, or else of the nearest mapping around it; None if unknown."""
        known = (self.lines.get(path[:n]) for n in range(len(path), 0, -1))
        return next((line for line in known if line is not None), None)


def read_yaml(text: str) -> Document:
    """Parse one YAML document.

    Raises: YamlError naming the problem and its line.

    >>> read_yaml("phase1: { epochs: 5 }").value
    {'phase1': {'epochs': 5}}
    >>> read_yaml("phase1:\\n  epochs: 5").lines
    {('phase1',): 1, ('phase1', 'epochs'): 2}
    """
    if len(text) > MAX_BYTES:
        raise YamlError(f"longer than {MAX_BYTES:,} characters")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Document(None)
        _count(node, {}, ())
        lines: dict[Path, int] = {}
        _note_lines(node, (), lines)
        return Document(loader.construct_document(node), lines)
    except YamlError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "cannot be read"
        raise YamlError(problem, mark.line + 1 if mark else None) from error
    except yaml.reader.ReaderError as error:
        problem, line = f"character U+{error.character:04X} is not allowed", None
        if isinstance(error.character, int):
            line = text.count("\n", 0, int(error.position)) + 1
        raise YamlError(problem, line) from error
    except RecursionError as error:
        raise YamlError("nested too deeply") from error
    except (yaml.YAMLError, ValueError, ArithmeticError, TypeError, LookupError) as error:
        # PyYAML leaks errors of dates and numbers.
        raise YamlError(_reason(error)) from error


class _Loader(yaml.SafeLoader):
    """Stops at a nesting that is too deep as soon as it is reached: PyYAML takes quadratic time."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Read one value and all below it."""
        if self._depth > _MAX_DEPTH:
            raise _too_deep(self.line + 1)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _too_deep(line: int) -> YamlError:
    return YamlError(f"nested more than {_MAX_DEPTH} deep", line)


def _reason(error: Exception) -> str:
    text = str(error)
    if "integer string conversion" in text:  # Python's advice is not for users
        return "a whole number of thousands of digits"
    return text.splitlines()[0] if text else "cannot be read"


def _count(node: yaml.Node, known: dict[int, int], above: tuple[int, ...]) -> int:
    """Count the values below a node with all aliases written out."""
    if id(node) in above:
        raise YamlError("a value contains itself", node.start_mark.line + 1)
    if len(above) > _MAX_DEPTH:
        raise _too_deep(node.start_mark.line + 1)
    if id(node) not in known:
        below = (*above, id(node))
        known[id(node)] = 1 + sum(_count(child, known, below) for child in _children(node))
    if known[id(node)] > _MAX_VALUES:
        raise YamlError(
            f"more than {_MAX_VALUES:,} values when aliases are written out",
            node.start_mark.line + 1,
        )
    return known[id(node)]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _note_lines(node: yaml.Node, path: Path, lines: dict[Path, int]) -> None:
    """Record the lines of keys, and refuse a key that is given twice."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            continue
        here = (*path, key.value)
        line = key.start_mark.line + 1
        if here in lines:
            raise YamlError(f"{key.value} is given twice, first in line {lines[here]}", line)
        lines[here] = line
        _note_lines(value, here, lines)
