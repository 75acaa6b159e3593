"""Run an exported graph with ONNX Runtime."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lpt.errors import ParameterError, TaskFileError
from lpt.records import Match, Output
from lpt.task.exported.onnx_file import OnnxFile, input_sizes, needed_module

__all__ = ["OnnxModel", "OnnxSession", "without_features"]

_ERRORS = 3  # ONNX Runtime's severity from which on it prints


class OnnxSession:
    """A graph ready to run; tasks on one graph share it. Several threads may use it.

    Args:
        file: the graph.
        device: the CPU, or a CUDA GPU if ONNX Runtime was built for it.
    Raises: ParameterError for another device; TaskFileError if ONNX Runtime refuses the graph.
    """

    def __init__(self, file: OnnxFile, device: torch.device) -> None:
        runtime = needed_module("onnxruntime")
        providers: list[Any] = ["CPUExecutionProvider"]
        if device.type != "cpu":
            if (
                device.type != "cuda"
                or "CUDAExecutionProvider" not in runtime.get_available_providers()
            ):
                raise ParameterError(
                    f"`device` {device}: this ONNX Runtime runs on the CPU only. "
                    "Leave it out, or install onnxruntime-gpu."
                )
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.index or 0}))
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = _ERRORS
        self.file = file
        try:
            self._session = runtime.InferenceSession(file.content, options, providers=providers)
        except Exception as error:  # ONNX Runtime has no common class of errors
            reason = " ".join(str(error).split())[:200]
            raise TaskFileError(f"{file.path}: ONNX Runtime refuses it ({reason}).") from error
        names = [value.name for value in self._session.get_outputs()]
        wanted = ["logits", "probabilities", "matched"][: 3 if file.spec.phases == 2 else 2]
        if names != wanted:
            raise TaskFileError(f"{file.path}: damaged: its outputs are {', '.join(names)[:200]}.")

    def run(self, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return the outputs in their order. Raises: TaskFileError if the graph fails."""
        try:
            found: list[np.ndarray] = self._session.run(None, dict(inputs))
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise TaskFileError(f"{self.file.path}: cannot be run ({reason}).") from error
        return found


class OnnxModel:
    """A graph with the tensors of a task: images in, `Output` out, as the model of lpt.

    Args:
        session: the graph.
        inputs: tensors of the task by name; empty for a graph that holds them.
        classes, top: C and T; what the graph gives must have these sizes.
    """

    def __init__(
        self, session: OnnxSession, inputs: Mapping[str, Tensor], classes: int, top: int
    ) -> None:
        self.session = session
        self.classes, self.top = classes, top
        self._inputs = {name: value.numpy() for name, value in inputs.items()}
        needed = input_sizes(session.file.spec, session.file.record).keys() - {"pixel_values"}
        if needed != self._inputs.keys():
            raise TaskFileError(
                f"{session.file.path}: a graph for many tasks. Give the .safetensors file of one."
            )

    def predict(self, images: Float[Tensor, "B 3 H H"]) -> Output:
        """Run the graph.

        Returns: an `Output` without features.
        """
        pixels = images.detach().to("cpu", torch.float32).numpy()
        logits, _, *rest = map(
            torch.from_numpy, self.session.run({"pixel_values": pixels, **self._inputs})
        )
        count = len(pixels)
        if logits.shape != (count, self.classes) or (rest and rest[0].shape != (count, self.top)):
            raise TaskFileError(f"{self.session.file.path}: damaged: its outputs have other sizes.")
        return without_features(logits, *rest)


def without_features(logits: Float[Tensor, "B C"], ids: Tensor | None = None) -> Output:
    """Return what an export gives as an `Output`: it has no features, queries or similarities."""
    nothing = logits.new_zeros(len(logits), 0)
    if ids is None:
        return Output(logits, nothing, nothing)
    unknown = torch.full(ids.shape, torch.nan)
    return Output(
        logits, nothing, nothing, Match(ids, unknown, logits.new_zeros(len(ids), 0, 0, 0))
    )
