"""Facts and problems of an installation, as text and JSON."""

from dataclasses import dataclass, field
from typing import Any

from lpt.escape import printable

__all__ = ["HealthReport", "Problem"]

_NAME = 12  # characters of a fact's name


@dataclass(frozen=True)
class Problem:
    """Something that keeps lpt from working, or, as a note, from working well.

    Attributes:
        fault: what is wrong.
        remedy: what to do.
        is_note: lpt works nevertheless.
    """

    fault: str
    remedy: str
    is_note: bool = False


@dataclass
class HealthReport:
    """What was found, in order.

    Attributes:
        facts: text by name, for people.
        values: plain JSON values by name, for programs.
        problems: what is wrong.
    """

    facts: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, name: str, text: str, value: Any = None) -> None:
        """Add a fact; its JSON value is the text unless another is given."""
        self.facts[name] = text
        self.values[name] = text if value is None else value

    def problem(self, fault: str, remedy: str, *, is_note: bool = False) -> None:
        """Add a problem."""
        self.problems.append(Problem(fault, remedy, is_note))

    @property
    def is_healthy(self) -> bool:
        """Whether there are notes at most."""
        return all(problem.is_note for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        problems = [
            {"kind": "note" if p.is_note else "problem", "fault": p.fault, "remedy": p.remedy}
            for p in self.problems
        ]
        return {"healthy": self.is_healthy, **self.values, "problems": problems}

    def render(self) -> str:
        """Return it as text: the facts, then the problems.

        >>> report = HealthReport()
        >>> report.add("python", "3.11.7")
        >>> report.problem("1 MB is free in the cache", "Free some space.")
        >>> print(report.render())
        python      3.11.7
        <BLANKLINE>
        problem     1 MB is free in the cache. Free some space.
        """
        lines = [f"{name:<{_NAME}}{printable(text)}" for name, text in self.facts.items()]
        lines.append("")
        for p in sorted(self.problems, key=lambda p: p.is_note):
            kind = "note" if p.is_note else "problem"
            lines.append(f"{kind:<{_NAME}}{printable(f'{p.fault}. {p.remedy}')}")
        if self.is_healthy:
            lines.append("No problems found.")
        return "\n".join(lines)
