"""A review in progress: its images, the decisions so far, and the list that keeps them."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lpt.analysis.thumbnails import thumbnail
from lpt.data.check.corrections import (
    Correction,
    Decision,
    read_corrections,
    write_corrections,
)
from lpt.data.check.listed_images import data_root
from lpt.data.manifest import Manifest
from lpt.errors import ParameterError, RunError
from lpt.escape import printable, shell_command
from lpt.files.atomic_files import check_writable
from lpt.review.review_items import ReviewItem, find_items
from lpt.task_file import read_spec
from lpt.training.run.run_data import data_of_run, open_configured
from lpt.training.run.run_folder import RunFolder

__all__ = ["LIST", "RunReview"]

LIST = "corrections.csv"
"""Name of the list in the run folder."""

EXAMPLES = 4
"""Training images of a class that are shown for comparison."""

SIDE = 480
"""Longer side of a picture, in pixels."""

Key = tuple[str, str]


@dataclass
class RunReview:
    """The images of a run that a person decides about.

    Decisions are written to the list at once, so a review can be interrupted at any time. Rows of
    the list about other images stay, also those that are added while the review runs.

    Attributes:
        data: of the run, without corrections.
        items: the images, in order.
        path: the list of corrections.
        source: the data as `lpt train` takes it.
    """

    data: Manifest
    items: list[ReviewItem]
    path: Path
    source: str
    _first: tuple[Correction, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def open(
        cls, run: Path, out: Path | None = None, *, labels: int = 200, confusions: int = 100
    ) -> "RunReview":
        """Open the review of an analysed run.

        A list that exists is continued. A new list starts with the corrections that the run was
        trained with, since one list replaces another.

        Args:
            run: folder of a finished run.
            out: the list; None for corrections.csv in the run folder.
            labels: largest number of suspect and doubtful labels; all suspects are among them.
            confusions: largest number of confusions.
        Raises: RunError if the run is not finished or not analysed; DataError if its data or the
            list cannot be read.
        """
        folder, path = RunFolder(run), out or run / LIST
        if not folder.task_file.is_file():
            raise RunError(
                f"{run}: not the folder of a finished run. Give a folder that lpt train wrote."
            )
        check_writable(path.parent)
        config, names = folder.read_config(), read_spec(folder.task_file).class_names
        used = data_of_run(run, names)
        assert used is not None  # it is a run folder
        given = config.data.corrections
        first: tuple[Correction, ...] = ()
        if given is not None:
            config = config.changed({"data.corrections": None})
            used = open_configured(config, class_names=names)
            first = tuple(read_corrections(Path(given)))
        if path.exists():
            first = ()
            read_corrections(path)
        items = find_items(run / "analysis", used, data_root(used), labels, confusions)
        return cls(used, items, path, config.data.source, first)

    def decide(self, number: int, decision: Decision | None, corrected: str = "") -> int:
        """Write a decision about an image to the list; None takes it back.

        Args:
            number: position in `items`.
            decision: confirm, change or drop.
            corrected: the right class, for "change".
        Returns: the number of images of this review that are decided.
        Raises: ParameterError for a class that the data does not have; DataError if the list was
            damaged meanwhile; RunError if it cannot be written.
        """
        item = self.items[number]
        if decision == "change" and corrected not in self.data.class_names:
            raise ParameterError(f"`corrected`: the data has no class {corrected!r}.")
        label = self.data.class_names[item.label]
        with self._lock:
            rows = self._rows()
            rows.pop(_key(item), None)
            if decision is not None:
                right = corrected if decision == "change" else ""
                rows[_key(item)] = Correction(item.name, item.place[0], decision, label, right)
            write_corrections(self.path, rows.values())
            self._first = ()
            return sum(_key(item) in rows for item in self.items)

    def picture(self, place: tuple[str, int]) -> bytes:
        """Return an image as a JPEG. Raises: DataError if it cannot be decoded."""
        split = self.data.split(place[0])
        with self._lock:  # Parquet files are read by one thread
            content = split.read(place[1])
        return thumbnail(content, split, place[1], side=SIDE)

    def to_json(self) -> dict[str, Any]:
        """Return everything that the page shows: images, classes, decisions."""
        names, rows = self.data.class_names, self._rows()
        shown = sorted({c for item in self.items for c in (item.label, item.suggested)})
        return {
            "list": printable(str(self.path)),
            "classes": list(names),
            "examples": {str(c): self._examples(c) for c in shown},
            "items": [
                {
                    "image": _image_id(item.place),
                    "name": printable(item.name),
                    "split": item.place[0],
                    "kind": item.kind,
                    "label": item.label,
                    "suggested": item.suggested,
                    "score": item.score,
                    "decision": row.decision if row else None,
                    "corrected": row.corrected if row else "",
                }
                for item in self.items
                for row in [rows.get(_key(item))]
            ],
        }

    def summary(self) -> list[str]:
        """Return the lines that end a review: what was decided, and how to train with it."""
        rows = list(self._rows().values()) if self.path.exists() else []
        if not rows:
            return ["nothing decided; no list was written"]
        numbers = ", ".join(
            f"{sum(row.decision == word for row in rows):,} {said}"
            for word, said in (
                ("change", "changed"),
                ("drop", "left out"),
                ("confirm", "confirmed"),
            )
        )
        command = shell_command("lpt", "train", self.source, "--corrections", self.path)
        return [f"decided   {numbers} ({printable(str(self.path))})", f"next      {command}"]

    def _rows(self) -> dict[Key, Correction]:
        """Decisions in the list, by image."""
        rows = read_corrections(self.path) if self.path.exists() else self._first
        return {(row.name.removeprefix("./"), row.split): row for row in rows}

    def _examples(self, label: int) -> list[str]:
        """Return training images of a class that are not reviewed."""
        train = self.data.split("train")
        asked = [item.place[1] for item in self.items if item.place[0] == "train"]
        own = np.setdiff1d(np.flatnonzero(train.labels == label), asked)
        some = own[np.linspace(0, len(own) - 1, EXAMPLES).astype(int)] if len(own) else own
        return [_image_id(("train", int(index))) for index in dict.fromkeys(some.tolist())]


def _key(item: ReviewItem) -> Key:
    return item.name.removeprefix("./"), item.place[0]


def _image_id(place: tuple[str, int]) -> str:
    return f"{place[0]}-{place[1]}"
