"""The options of `lpt predict --out`, checked before torch is imported."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lpt.errors import DataError, ParameterError
from lpt.progress import plural

if TYPE_CHECKING:
    from lpt.cli.predictions.prior_request import PriorRequest

__all__ = ["FORMATS", "BulkRequest", "check_absent", "check_shared", "unless_usual"]

FORMATS = (".csv", ".jsonl", ".parquet")
"""Suffixes of the files that can be written."""


@dataclass(frozen=True)
class BulkRequest:
    """Where predictions go, and with which additions.

    Attributes:
        out: the file; its suffix is one of `FORMATS`.
        embeddings: add the features of the images.
        sort_into: folder that receives the images by predicted class.
        copy: copy the images there instead of linking to them.
    """

    out: Path
    embeddings: bool = False
    sort_into: Path | None = None
    copy: bool = False

    @classmethod
    def of_options(
        cls, out: Path | None, embeddings: bool, sort_into: Path | None, copy: bool
    ) -> "BulkRequest | None":
        """Return the request; None without `--out`.

        Raises: ParameterError for an option that needs another one.
        """
        if copy and sort_into is None:
            raise ParameterError("`copy`: needs `sort_into`, the folder for the copies.")
        if out is not None:
            return cls(out, embeddings, sort_into, copy)
        if embeddings or sort_into is not None:
            name = "embeddings" if embeddings else "sort_into"
            raise ParameterError(f"`{name}`: needs `out`, a file such as predictions.csv.")
        return None

    def check(self, paths: Sequence[Path]) -> None:
        """Check what needs no task.

        Args:
            paths: the images and folders to predict.
        Raises: ParameterError for an unknown suffix or a folder that would receive images of
            itself; ConfigError if the file exists.
        """
        if self.out.suffix not in FORMATS:
            raise ParameterError(
                f"`out` {self.out}: unknown format '{self.out.suffix}'. "
                f"Choose a name that ends in one of: {', '.join(FORMATS)}."
            )
        check_absent(self.out)
        if self.sort_into is None:
            return
        into = self.sort_into.resolve()
        for path in paths:
            if path.is_dir() and into.is_relative_to(path.resolve()):
                raise ParameterError(
                    f"`sort_into` {self.sort_into}: is inside {path}, whose images are predicted. "
                    "Choose a folder elsewhere."
                )

    def identity(self, run: Path, weights: str) -> dict[str, str | bool | None]:
        """What decides the rows of a file and is known without the task, to continue the file.

        Args:
            run: folder or file of the task.
            weights: number type of the backbone's weights.
        Raises: TaskFileError if there is no task.
        """
        from lpt.task.task_digest import task_digest

        into = self.sort_into
        return {
            "RUN": task_digest(run),
            "--embeddings": self.embeddings,
            "--sort-into": None if into is None else str(into.absolute()),
            "--copy": self.copy,
            "--backbone-weights": unless_usual(weights, "float32"),
        }


def unless_usual(value: str, usual: str) -> str | None:
    """Return a value, but None for the usual one, as the record of a file holds it."""
    return None if value == usual else value


def check_absent(path: Path) -> None:
    """Check that nothing would be replaced.

    A Parquet file states its columns and rows at its end. One with the columns of predictions is
    complete: such a file gets its name when its last row is written.

    Raises: ConfigError if the path exists, with what the file holds if it is Parquet.
    """
    from lpt.files.atomic_files import check_free

    exists = os.path.lexists(path)
    check_free(path, held=_held(path) if exists and path.suffix == ".parquet" else "")


def _held(path: Path) -> str:
    """Say what a Parquet file holds; nothing if it cannot be read."""
    from lpt.data.parquet.parquet_reader import open_parquet

    try:
        with open_parquet(path) as file:
            rows, columns = file.metadata.num_rows, set(file.schema_arrow.names)
    except (DataError, ImportError):
        return ""
    if columns.issuperset(_COLUMNS):
        return f" and is complete: predictions of {plural(rows, 'image')}"
    return f", with {plural(rows, 'row')}"


_COLUMNS = ("path", "label", "probability", "matched", "unsure", "error")
"""Of every Parquet file of predictions."""


def check_shared(bulk: BulkRequest | None, prior: "PriorRequest | None") -> None:
    """Check that several processes can predict together.

    Raises: ParameterError without a file, or for frequencies that are estimated from all images.
    """
    if bulk is None:
        raise ParameterError("`processes`: needs `out`, a file such as predictions.csv.")
    if prior is not None and prior.is_estimated:
        raise ParameterError(
            "`processes`: each process sees a share of the images, and `prior` estimate needs all "
            "of them. Leave one of them out."
        )
