"""Results of finished runs on disk, one folder per run, shared by processes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, TypeAdapter
from safetensors.numpy import save_file

from lpt.errors import RunError
from lpt.files.atomic_files import append_line, remove_unfinished, write_atomic, write_json
from lpt.files.file_locks import FileLock
from lpt.files.json_files import Count, Number, Record, read_json
from lpt.files.tensor_files import TensorFile, TensorLimits

__all__ = ["RunPredictions", "RunResult", "RunStore"]

FACTS, RESULT, PREDICTIONS = "run.json", "result.json", "predictions.safetensors"

SHIFTED = "shifted "
"""Prefix of the tensors of shifted sets."""


@dataclass(frozen=True)
class RunPredictions:
    """Predictions of a trained model for each scored image, in order.

    Attributes:
        chosen: (n,) int64 class with the largest logit.
        labels: (n,) int64 true classes.
        tta: (n,) int64 class with the largest logit under test-time augmentation, or None.
        shifted: (m,) whether each image of a shifted set is classified correctly, by set name.
    """

    chosen: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    tta: npt.NDArray[np.int64] | None = None
    shifted: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def right(self, *, tta: bool = False) -> npt.NDArray[np.bool_]:
        """Return (n,) whether each prediction is the true class."""
        chosen = self.tta if tta else self.chosen
        assert chosen is not None
        right: npt.NDArray[np.bool_] = chosen == self.labels
        return right


@dataclass(frozen=True)
class RunResult:
    """Measurements of a finished run, or why it failed.

    Attributes:
        facts: what the run's key is a hash of.
        failed: one or two lines if training failed; the fields below are empty then.
        scores: overall, many, medium, few, macro, top5 on the scored images.
        tta: the same with test-time augmentation; empty if not asked for.
        features: gamma, inner, inter and knn, knn_many, ... of the class token; empty for
            selection.
        shifted: accuracy by shifted test set; empty if there is none.
        parameters: number of trained parameters, classifier included.
        seconds: of training, resumed parts included.
        peak_memory_bytes: during training (`lpt.machine.devices.peak_memory`).
        epochs: of each stage that was trained.
        environment: of the process that finished the run.
    """

    facts: Mapping[str, Any]
    failed: str = ""
    scores: Mapping[str, float | None] = field(default_factory=dict)
    tta: Mapping[str, float | None] = field(default_factory=dict)
    features: Mapping[str, float | None] = field(default_factory=dict)
    shifted: Mapping[str, float] = field(default_factory=dict)
    parameters: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    epochs: tuple[int, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)


class RunStore:
    """A folder of runs, RUNS/KEY/, and a log of what was trained. Processes may share it.

    A run is finished once it has a result.json, which is written last. One process at a time trains
    a run: it holds a lock, RUNS/.locks/KEY, which is released however the process ends. log.jsonl
    has a line when a run begins and when it finishes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Lock a run against other processes; yields False while another process holds it.

        Raises: RunError if the folder is not writable.
        """
        folder = self.folder / ".locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if folder.is_symlink():
                raise RunError(f"{folder}: is a link, where a folder of locks is expected.")
            lock = FileLock(folder / name)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            raise RunError(
                f"{self.folder}: cannot be written ({error.strerror}). "
                "Choose another folder with `out`."
            ) from error
        try:
            yield True
        finally:
            lock.release()

    def path(self, name: str) -> Path:
        """Return the folder of a run."""
        return self.folder / name

    def is_finished(self, name: str) -> bool:
        """Return whether a run has a result."""
        return (self.path(name) / RESULT).is_file()

    def result(self, name: str) -> RunResult | None:
        """Return the result of a finished run, None while there is none.

        Raises: RunError naming the file if it is damaged.
        """
        path = self.path(name) / RESULT
        if not path.exists():
            return None
        found = read_json(path, _RESULT, remedy=_again(path))
        return RunResult(**found.model_dump())

    def predictions(self, name: str) -> RunPredictions:
        """Return the predictions of a finished run.

        Raises: RunError naming the file if it is damaged.
        """
        path = self.path(name) / PREDICTIONS
        again, limits = _again(path), TensorLimits()
        with TensorFile(path, limits, RunError, damaged="cannot be read", remedy=again) as file:
            found = {name: tensor.numpy() for name, tensor in file.read_all().items()}
        shapes = {key: (values.dtype.name, values.ndim) for key, values in found.items()}
        named = all(
            shape == (("bool", 1) if key.startswith(SHIFTED) else ("int64", 1))
            for key, shape in shapes.items()
        )
        images = {len(found[key]) for key in ("chosen", "labels", "tta") if key in found}
        if not named or not {"chosen", "labels"} <= found.keys() or len(images) != 1:
            raise RunError(f"{path}: cannot be read (not predictions of a run). {_again(path)}")
        shifted = {k.removeprefix(SHIFTED): v for k, v in found.items() if k.startswith(SHIFTED)}
        return RunPredictions(found["chosen"], found["labels"], found.get("tta"), shifted)

    def begin(self, name: str, facts: Mapping[str, Any]) -> Path:
        """Record that a run begins; return its folder."""
        folder = self.path(name)
        if folder.is_dir():
            remove_unfinished(folder)
        write_json(folder / FACTS, facts)
        self._log("began", name)
        return folder

    def finish(self, name: str, result: RunResult, predictions: RunPredictions | None) -> None:
        """Write the result of a run, and its predictions unless it failed."""
        if predictions is not None:
            tensors: dict[str, npt.NDArray[np.generic]]
            tensors = {"chosen": predictions.chosen, "labels": predictions.labels}
            if predictions.tta is not None:
                tensors["tta"] = predictions.tta
            tensors |= {SHIFTED + name: right for name, right in predictions.shifted.items()}
            write_atomic(self.path(name) / PREDICTIONS, lambda path: save_file(tensors, path))
        write_json(self.path(name) / RESULT, asdict(result))
        self._log("failed" if result.failed else "finished", name)

    def _log(self, event: str, name: str) -> None:
        line = json.dumps({"event": event, "run": name})
        append_line(self.folder / "log.jsonl", line)


_Scores = dict[str, Number | None]


class _Result(Record):
    facts: dict[str, Any]
    failed: str
    scores: _Scores
    tta: _Scores
    features: _Scores
    shifted: dict[str, Number]
    parameters: Count
    seconds: Annotated[float, Field(ge=0, le=1e12)]
    peak_memory_bytes: Count
    epochs: tuple[Count, ...]
    environment: dict[str, Any]


_RESULT = TypeAdapter(_Result)


def _again(path: Path) -> str:
    return f"Remove {path.parent} to train it again."
