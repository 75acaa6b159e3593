"""Cells: one training each, named by a hash of all that decides it; their results on disk."""

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from lpt.errors import RunError
from lpt.files import remove_unfinished, write_atomic, write_json

__all__ = ["Answers", "CellResult", "CellStore", "content_hash"]

RESULT, ANSWERS = "result.json", "answers.safetensors"

SHIFTED = "shifted "
"""What names of tensors of shifted sets begin with."""

FORMAT = 1
"""Of a cell's content; a change of it makes every cell a new one."""


def content_hash(content: Mapping[str, Any]) -> str:
    """Name of a cell: 20 hexadecimal digits of the SHA-256 of its content, keys in sorted order."""
    text = json.dumps({**content, "format": FORMAT}, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Answers:
    """What a trained model said of each scored image, in order.

    Attributes:
        chosen: (n,) int64 class of the largest logit.
        labels: (n,) int64 true classes.
        ensembled: (n,) int64 the same of the mean over five crops; None if that was not asked.
        shifted: whether each image of a shifted set was told right, by the set's name.
    """

    chosen: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    ensembled: npt.NDArray[np.int64] | None = None
    shifted: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def right(self, *, ensembled: bool = False) -> npt.NDArray[np.bool_]:
        """(n,) whether the answer is the true class."""
        chosen = self.ensembled if ensembled else self.chosen
        assert chosen is not None
        right: npt.NDArray[np.bool_] = chosen == self.labels
        return right


@dataclass(frozen=True)
class CellResult:
    """What a finished cell measured, or why it failed.

    Attributes:
        content: what its hash is of.
        failed: one or two lines if training could not be finished; nothing else is known then.
        scores: overall, many, medium, few, macro, top5 on the scored images.
        ensembled: the same of the mean over five crops; empty if not asked.
        features: gamma, inner, inter and knn, knn_many, ... of the class token; empty if not asked.
        shifted: accuracy by shifted test set; empty if there is none.
        parameters: learned numbers, classifier included.
        seconds: of training, resumed parts included.
        peak_memory_bytes: held at most during training (`lpt.devices.peak_memory`).
        epochs: of each stage that was trained.
        environment: of the process that finished it.
    """

    content: Mapping[str, Any]
    failed: str = ""
    scores: Mapping[str, float | None] = field(default_factory=dict)
    ensembled: Mapping[str, float | None] = field(default_factory=dict)
    features: Mapping[str, float | None] = field(default_factory=dict)
    shifted: Mapping[str, float] = field(default_factory=dict)
    parameters: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    epochs: tuple[int, ...] = ()
    environment: Mapping[str, Any] = field(default_factory=dict)


class CellStore:
    """A folder of cells, CELLS/HASH/, and a log of what was trained. Processes may share it.

    A cell is finished when its result.json is there, which is written last. One process at a time
    trains a cell: it holds a lock, CELLS/.locks/HASH, which its end releases however it comes.
    log.jsonl has a line when a cell begins and when it is finished.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Keep a cell from other processes; False while one of them has it.

        Raises: RunError if nothing can be written here.
        """
        path = self.folder / ".locks" / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.open("w")
        except OSError as error:
            raise RunError(
                f"{self.folder}: cannot be written ({error.strerror}). Give another --out."
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def path(self, name: str) -> Path:
        """Folder of a cell."""
        return self.folder / name

    def is_finished(self, name: str) -> bool:
        """Whether there is a result."""
        return (self.path(name) / RESULT).is_file()

    def result(self, name: str) -> CellResult | None:
        """A finished cell's result, None while there is none.

        Raises: RunError naming the file if it is damaged.
        """
        path = self.path(name) / RESULT
        try:
            tree = json.loads(path.read_text(encoding="utf-8"))
            known = {f.name for f in fields(CellResult)}
            if not isinstance(tree, dict) or tree.keys() != known:
                raise ValueError("its fields are not those of a result")
            measured = [*tree["scores"].values(), *tree["ensembled"].values()]
            measured += [*tree["features"].values(), *tree["shifted"].values()]
            if any(isinstance(value, str) for value in (*measured, tree["seconds"])):
                raise ValueError("a number of it is text")
            return CellResult(**{**tree, "epochs": tuple(tree["epochs"])})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise RunError(
                f"{path}: cannot be read ({error}). Remove {path.parent} to compute it again."
            ) from error

    def answers(self, name: str) -> Answers:
        """What a finished cell said of each image. Raises: RunError naming the file if damaged."""
        path = self.path(name) / ANSWERS
        try:
            found = load_file(path)
            shifted = {
                k.removeprefix(SHIFTED): v for k, v in found.items() if k.startswith(SHIFTED)
            }
            return Answers(found["chosen"], found["labels"], found.get("ensembled"), shifted)
        except (OSError, SafetensorError, KeyError) as error:
            raise RunError(
                f"{path}: cannot be read ({error}). Remove {path.parent} to compute it again."
            ) from error

    def begin(self, name: str, content: Mapping[str, Any]) -> Path:
        """Note that a cell is being trained; returns its folder."""
        folder = self.path(name)
        if folder.is_dir():
            remove_unfinished(folder)
        write_json(folder / "cell.json", content)
        self._log("began", name)
        return folder

    def finish(self, name: str, result: CellResult, answers: Answers | None) -> None:
        """Keep a result for good."""
        if answers is not None:
            tensors: dict[str, npt.NDArray[np.generic]]
            tensors = {"chosen": answers.chosen, "labels": answers.labels}
            if answers.ensembled is not None:
                tensors["ensembled"] = answers.ensembled
            tensors |= {SHIFTED + name: right for name, right in answers.shifted.items()}
            write_atomic(self.path(name) / ANSWERS, lambda path: save_file(tensors, path))
        write_json(self.path(name) / RESULT, asdict(result))
        self._log("failed" if result.failed else "finished", name)

    def _log(self, event: str, name: str) -> None:
        line = json.dumps({"event": event, "cell": name})
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")
