"""A trained task as a program of torch.export."""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones.attention import PromptKV
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.linear import torch_products
from lpt.export.check_images import CheckImages
from lpt.export.export_metadata import export_metadata
from lpt.export.parity import Parity, compare
from lpt.model.two_pass import LongTailedPromptModel, joined_feature
from lpt.records import Output
from lpt.task import Task
from lpt.task.exported.graph_inputs import TaskInputs
from lpt.task.exported.onnx_model import without_features

__all__ = ["TorchTask", "checked_program"]

Outputs = tuple[Tensor, ...]


class TorchTask(nn.Module):
    """Both passes with the operators of torch only: (B, 3, H, H) images to a tuple of tensors.

    The tuple holds `logits` (B, C), `probabilities` (B, C) and, in phase 2, `matched` (B, T).

    Args:
        model: the trained model.
        temperature: softmax(logits / temperature) gives probabilities.
    """

    shared_keys: Tensor
    shared_values: Tensor
    group_prompts: Tensor
    keys: Tensor
    classifier: Tensor
    temperature: Tensor

    def __init__(self, model: LongTailedPromptModel, temperature: float) -> None:
        super().__init__()
        self.backbone = model.backbone
        self.split, self.top, self.both = model.split, model.shape.top_k, model.phases == 2
        self.reads_both = model.reads_both
        self.adapted = [f"adapter_{name}" for name in Bottleneck._fields if model.adapter_width]
        for name, value in TaskInputs.of(model, temperature).tensors().items():
            self.register_buffer(name, value)

    def forward(self, pixel_values: Float[Tensor, "B 3 H H"]) -> Outputs:
        """Run both passes, or the first for a task of phase 1."""
        backbone, split = self.backbone, self.split
        shared = [
            PromptKV(self.shared_keys[i : i + 1], self.shared_values[i : i + 1])
            for i in range(backbone.depth)
        ]
        adapters = self._adapters()
        first, rest = [(kv,) for kv in shared[:split]], [(kv,) for kv in shared[split:]]
        tokens = backbone.run(backbone.embed(pixel_values), first, adapters[:split])
        feature = backbone.finish(tokens, rest, adapters[split:])
        matched: Outputs = ()
        if self.both:
            ids = (F.normalize(feature, dim=1) @ self.keys.T).topk(self.top, dim=1).indices
            means = self.group_prompts[ids].mean(1)
            group = backbone.prompts_kv(means.unbind(1), first=split)
            both = list(zip(shared[split:], group, strict=True))
            second = backbone.finish(tokens, both, adapters[split:])
            feature = joined_feature(feature, second) if self.reads_both else second
            matched = (ids,)
        logits = F.normalize(feature, dim=1) @ self.classifier.T
        return logits, (logits / self.temperature).softmax(1), *matched

    def _adapters(self) -> list[Bottleneck]:
        of_blocks = [self.get_buffer(name) for name in self.adapted]
        return [Bottleneck(*block) for block in zip(*of_blocks, strict=True)]


def checked_program(task: Task, check: CheckImages) -> tuple[Parity, Callable[[Path], None]]:
    """Trace a task for any number of images and compare the program with it.

    Args:
        task: the task.
        check: images to compare on.
    Returns: how far the program differs, and a function that writes it to a path.
    Raises: LptError if it differs from the task.
    """
    side = task.spec.backbone.image_size
    graph = TorchTask(task.model, task.spec.temperature).eval()
    with torch.no_grad(), torch_products():
        program = torch.export.export(
            graph,
            (torch.zeros(2, 3, side, side),),
            dynamic_shapes={"pixel_values": {0: torch.export.Dim("batch")}},
        )
        run = program.module()
        parity = compare(task.model.predict, lambda images: _output(run(images)), check)
    parity.check("float32")
    metadata = export_metadata(task, "task", "float32", parity)

    def write(path: Path) -> None:
        with path.open("wb") as stream:
            torch.export.save(program, stream, extra_files=dict(metadata))

    return parity, write


def _output(found: Outputs) -> Output:
    logits, _, *matched = found
    return without_features(logits, *matched)
