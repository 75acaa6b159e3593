"""An exported task in use: predicts and is scored as the task that it was made of."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from lpt.data.images.transforms import Transform
from lpt.data.manifest import Split
from lpt.errors import ConfigError, ParameterError
from lpt.machine.devices import choose_device
from lpt.records import Output, Predictions
from lpt.task.call_checks import OnBatch, check_run, check_split
from lpt.task.class_prior import adjust_predictions
from lpt.task.exported.input_file import graph_path, read_inputs
from lpt.task.exported.onnx_file import read_onnx
from lpt.task.exported.onnx_model import OnnxModel, OnnxSession
from lpt.task.inference.image_inputs import Images
from lpt.task.inference.run_split import run_split
from lpt.task.path_kinds import is_input_file
from lpt.task.trained_task import Floats, Task
from lpt.task_records import MatchMode
from lpt.task_spec import TaskSpec

__all__ = ["ExportedTask"]

_sessions: "WeakValueDictionary[tuple[str, str], OnnxSession]" = WeakValueDictionary()


class ExportedTask(Task):
    """A `Task` that ONNX Runtime runs; `lpt.load` makes it from a file of `lpt export`.

    It predicts, gives probabilities, takes another prior and is scored as any task. Features are
    not part of the graph: `embed` and `model` are refused.

    Args:
        onnx: the graph with the tensors of the task.
        spec: the metadata of the task.
        path: the file.
    """

    def __init__(self, onnx: OnnxModel, spec: TaskSpec, path: Path) -> None:
        self.onnx = onnx
        self.spec = spec
        self.path = path
        self.prior = None
        self.match = "exact"
        self._result = None

    def __getattr__(self, name: str) -> Any:
        if name == "model":
            raise ConfigError(
                f"{self.path}: an exported task has no model of torch. Load the run it was made of."
            )
        raise AttributeError(name)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], device: str | torch.device | None = None
    ) -> "ExportedTask":
        """Open an .onnx file, or the .safetensors file of a task beside the graph that it shares.

        Args:
            path: the file.
            device: the CPU unless a GPU is named.
        Raises: TaskFileError if a file is damaged or not written by lpt; ConfigError if ONNX
            Runtime is not installed.
        """
        file, chosen = Path(path), choose_device("cpu" if device is None else device)
        if not is_input_file(file):
            session = _session(file, chosen)
            spec = session.file.spec
            onnx = OnnxModel(session, {}, len(spec.class_names), spec.top_k)
            return cls(onnx, spec, file)
        given = read_inputs(file)
        session = _session(graph_path(file.parent, given.spec), chosen)
        given.check_graph(session.file)
        classes, top = len(given.spec.class_names), given.spec.top_k
        return cls(OnnxModel(session, given.tensors, classes, top), given.spec, file)

    def forward(self, images: Tensor) -> Output:
        """Run the graph on transformed images."""
        return self.onnx.predict(images)

    def with_match(self, match: MatchMode) -> Self:
        """Refuse all but "exact", which graphs do. Raises: ParameterError."""
        if match == "exact":
            return self
        raise ParameterError(
            f"`match` {match}: the exported graph {self.path} matches exactly. Load the run it was "
            "made of."
        )

    def embed(
        self,
        images: Images,
        *,
        batch_size: int = 64,
        workers: int = 0,
        on_batch: OnBatch | None = None,
    ) -> Floats:
        """Refuse: an exported graph gives no features. Raises: ParameterError."""
        del images, batch_size, workers, on_batch
        raise ParameterError(
            f"`task` {self.path}: an exported graph gives no features. Load the run it was made of."
        )

    def run(
        self,
        split: Split,
        *,
        batch_size: int = 64,
        workers: int = 0,
        transform: Transform | None = None,
        model: Callable[[Tensor], Output] | None = None,
        on_batch: OnBatch | None = None,
    ) -> Predictions:
        """Return logits, labels and matched prompts of every image of a split, as `Task.run`."""
        check_split(split)
        check_run(batch_size, workers, on_batch)
        found = run_split(
            model or self.forward,
            split,
            transform or self.transform,
            device=torch.device("cpu"),
            batch_size=batch_size,
            workers=workers,
            on_batch=on_batch,
        )
        return found if self.prior is None else adjust_predictions(self.spec, found, self.prior)


def _session(path: Path, device: torch.device) -> OnnxSession:
    """Open a graph; tasks on the same content share one session."""
    import hashlib

    file = read_onnx(path)
    key = hashlib.sha256(file.content).hexdigest(), str(device)
    session = _sessions.get(key)
    if session is None:
        session = _sessions[key] = OnnxSession(file, device)
    return session
