"""Task files become tables: read once, hashed, validated, probed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from lpt.backbones import FrozenViT
from lpt.errors import LptError, TaskFileError
from lpt.evaluation.thresholds import read_thresholds
from lpt.files.regular_files import read_regular, size_text
from lpt.serving.engine import Engine, Query
from lpt.serving.task_tables import TaskTables, build_tables, table_bytes
from lpt.task_file import LIMITS, TaskSpec, read_spec, read_task
from lpt.task_records import MatchMode

__all__ = ["TaskContent", "TaskReader"]


@dataclass(frozen=True)
class TaskContent:
    """One task file that can be served.

    Attributes:
        sha256: of its bytes.
        spec: metadata.
        tables: in main memory.
        threshold: probability below which the task is not sure; None if it was not analysed.
    """

    sha256: str
    spec: TaskSpec
    tables: TaskTables
    threshold: float | None


class TaskReader:
    """Reads task files for one engine.

    Args:
        engine: which the tasks must fit, and which runs their probe images.
        most_bytes: largest file, and largest tables.
        accuracy: share of correct predictions that the threshold of a task is chosen for.
        match: how prompts are matched; None for each task's own.
    """

    def __init__(
        self, engine: Engine, most_bytes: int, accuracy: float, match: MatchMode | None = None
    ) -> None:
        self._engine, self._most, self._accuracy = engine, most_bytes, accuracy
        self._match = match

    def check_header(self, path: Path) -> None:
        """Check the metadata of a file. Raises: TaskFileError, BackboneError."""
        spec = read_spec(path)
        self._choose(spec, (0, 0))
        wanted, given = spec.backbone, self._engine.views.backbone.spec
        if wanted.sha256 != given.sha256:
            raise TaskFileError(
                f"{path}: made for backbone {wanted.name} (weights {wanted.sha256[:12]}), not for "
                f"{given.name} (weights {given.sha256[:12]}).",
                "All tasks of one server have one backbone. Start another server for it.",
            )

    def read(
        self, path: Path, name: str, passed: str | None, *, again: bool = True
    ) -> TaskContent | None:
        """Read a file. The bytes that are hashed are those that are used, whoever writes meanwhile.

        Args:
            name: of the task, for messages: paths of a server are nobody's business.
            passed: hash of the content that has passed its probe already.
            again: whether that content is wanted; if not, the result for it is None.
        Raises: LptError naming the task and what is wrong with its file.
        """
        try:
            most = min(LIMITS.file_bytes, self._most + LIMITS.header_bytes)
            data = read_regular(path, most, error=TaskFileError)
        except TaskFileError as error:
            raise TaskFileError(str(error).replace(str(path), name)) from error
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 == passed and not again:
            return None
        view, spec, tensors = read_task(Path(name), self._choose, data)
        tables = build_tables(view, spec, tensors, self._match)
        if sha256 != passed:
            self._probe(name, tables)
        return TaskContent(sha256, spec, tables, self._threshold(path, sha256))

    def _choose(self, spec: TaskSpec, sizes: tuple[int, int]) -> FrozenViT:
        """Return the view of the backbone that a task needs."""
        del sizes  # compared by the caller
        backbone = self._engine.views.backbone
        needed = table_bytes(backbone.depth, backbone.width, spec)
        if needed > self._most:
            raise TaskFileError(
                f"{spec.name}: needs {size_text(needed)} of memory, more than the "
                f"{size_text(self._most)} that all tasks may have. Raise memory_bytes."
            )
        if spec.backbone.sha256 != backbone.spec.sha256:
            return backbone  # the caller names both
        return self._engine.views.of(spec.backbone)

    def _probe(self, name: str, tables: TaskTables) -> None:
        """Run a fixed image. Raises: TaskFileError if it gives no probabilities."""
        size = tables.view[0]
        image = torch.randn(3, size, size, generator=torch.Generator().manual_seed(0))
        (result,) = self._engine.run([Query(tables.to(self._engine.device), image)])
        if not abs(float(result.probabilities.sum()) - 1) < 1e-3:  # NaN compares as false
            raise TaskFileError(
                f"{name}: damaged: it gives numbers that are not finite. Obtain it again."
            )

    def _threshold(self, path: Path, sha256: str) -> float | None:
        """Read what `lpt analyze` measured for this very file, if it lies in its run folder."""
        file = path.parent / "analysis" / "thresholds.json"
        try:
            return read_thresholds(file, sha256).for_accuracy(self._accuracy).threshold
        except LptError:  # not analysed, of another version, or never that accurate
            return None
