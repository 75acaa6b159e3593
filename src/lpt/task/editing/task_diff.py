"""What differs between two tasks."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F

from lpt.escape import printable, shortened
from lpt.progress import listed, plural
from lpt.task.editing.task_parts import TaskParts
from lpt.task_records import TaskEdit

__all__ = ["TaskDiff", "compare_tasks", "history_lines"]

_SETTINGS = ("name", "phases", "temperature", "prior_power", "many_above", "few_below", "resize")
_MOST = 10  # names in a line


@dataclass(frozen=True)
class TaskDiff:
    """What differs between a task and a second one.

    Attributes:
        added, removed: classes that only the second, or only the first has.
        moved: classes of both whose directions differ.
        counts: training images of classes of both, where they differ: before and after.
        tensors: names of the other tensors that differ, or that one of them lacks.
        settings: other metadata that differ: before and after.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: tuple[str, ...]
    counts: dict[str, tuple[int, int]]
    tensors: tuple[str, ...]
    settings: dict[str, tuple[Any, Any]]

    @property
    def same(self) -> bool:
        """Whether nothing differs that decides a prediction."""
        return not any(asdict(self).values())

    def lines(self) -> list[str]:
        """Describe the differences, one line each."""
        if self.same:
            return ["same      classes, prompts and settings"]
        lines = []
        for title, names in (
            ("added", self.added),
            ("removed", self.removed),
            ("moved", self.moved),
        ):
            if names:
                shown = listed([printable(shortened(name, 60)) for name in names], _MOST)
                number = plural(len(names), "class", "classes")
                lines.append(f"{title:<10}{number}: {shown}")
        for name, (before, after) in list(self.counts.items())[:_MOST]:
            shown = printable(shortened(name, 60))
            lines.append(f"images    {shown}: {before:,} -> {after:,}")
        if len(self.counts) > _MOST:
            lines.append(f"images    and {len(self.counts) - _MOST:,} more classes")
        if self.tensors:
            lines.append(f"tensors   {', '.join(map(printable, self.tensors))}")
        for name, (before, after) in self.settings.items():
            lines.append(f"{name:<10}{printable(f'{before} -> {after}')}")
        return lines


def compare_tasks(first: TaskParts, second: TaskParts) -> TaskDiff:
    """Compare two tasks; classes are matched by name."""
    place = {name: i for i, name in enumerate(first.spec.class_names)}
    there = {name: i for i, name in enumerate(second.spec.class_names)}
    both = [name for name in place if name in there]
    before = F.normalize(first.classifier[[place[name] for name in both]], dim=1)
    after = F.normalize(second.classifier[[there[name] for name in both]], dim=1)
    fits = before.shape == after.shape
    moved = [not fits or not torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    counts = {
        name: (first.spec.class_counts[place[name]], second.spec.class_counts[there[name]])
        for name in both
    }
    names = sorted((first.tensors.keys() | second.tensors.keys()) - {"classifier"})
    settings = {n: (getattr(first.spec, n), getattr(second.spec, n)) for n in _SETTINGS}
    settings["backbone"] = (first.spec.backbone.sha256[:12], second.spec.backbone.sha256[:12])
    return TaskDiff(
        added=tuple(name for name in there if name not in place),
        removed=tuple(name for name in place if name not in there),
        moved=tuple(name for name, changed in zip(both, moved, strict=True) if changed),
        counts={name: pair for name, pair in counts.items() if pair[0] != pair[1]},
        tensors=tuple(name for name in names if not _equal(first, second, name)),
        settings={name: pair for name, pair in settings.items() if pair[0] != pair[1]},
    )


def history_lines(history: tuple[TaskEdit, ...]) -> list[str]:
    """Describe the history of a task, one line per change, oldest first."""
    return [_line(edit) for edit in history]


def _line(edit: TaskEdit) -> str:
    names = listed([printable(shortened(name, 60)) for name in edit.classes], _MOST)
    result = "" if edit.result is None else f" -> {printable(shortened(edit.result, 60))}"
    photos = "" if edit.images is None else f" from {plural(edit.images, 'photo')}"
    return f"{edit.date}  {edit.action} {names}{result}{photos} (of {edit.source[:12]})"


def _equal(first: TaskParts, second: TaskParts, name: str) -> bool:
    one, other = first.tensors.get(name), second.tensors.get(name)
    return one is not None and other is not None and torch.equal(one, other)
