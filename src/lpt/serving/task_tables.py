"""What one version of a task keeps in memory: everything of it that the engine reads."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lpt.backbones import FrozenViT
from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.backbones.towers.feature_name import token_widths
from lpt.model.adapters import scaled_bottlenecks
from lpt.serving.backbone_views import ViewKey, view_key
from lpt.task_records import MatchMode
from lpt.task_spec import TaskSpec

__all__ = ["TaskTables", "build_tables", "table_bytes"]


@dataclass(frozen=True, eq=False)
class TaskTables:
    """Tensors of one version of a task, on one device.

    Keys and values of group prompts are not kept: a batch projects the mean of the prompts that its
    images matched, which costs less than 1 % of a batch. A table of all M (M-1) / 2 pairs would
    take 20 times the memory of the task file.

    Attributes:
        view: which view of the backbone the task runs on.
        split: K.
        top: T; 0 for a task of phase 1 only.
        temperature: softmax(cosine / temperature) gives probabilities.
        shared: keys and values of the shared prompts in each block.
        classes: directions of the classes, of unit length.
        adapters: of all blocks: the first axis of every tensor is L; r is 0 for no adapters.
        group: the group prompts; None for a task of phase 1 only.
        reads_both: whether the features of both passes are classified.
        keys: of the group prompts, of unit length; None for a task of phase 1 only.
        early_weight, early_bias: of the map of early matching, for a task with one.
        early_margin: as for `LongTailedPromptModel.predict`; None matches by the query.
    """

    view: ViewKey
    split: int
    top: int
    temperature: float
    shared: Float[Tensor, "L 2 heads P head_width"]
    classes: Float[Tensor, "C D"]
    adapters: Bottleneck
    group: Float[Tensor, "M suffix P D"] | None = None
    keys: Float[Tensor, "M D"] | None = None
    reads_both: bool = False
    early_weight: Float[Tensor, "M _"] | None = None
    early_bias: Float[Tensor, " M"] | None = None
    early_margin: float | None = None

    @property
    def length(self) -> int:
        """P, the number of prompt tokens per block."""
        return self.shared.shape[3]

    @property
    def adapter_width(self) -> int:
        """r, the hidden neurons of the adapter of each block."""
        return self.adapters.down.shape[2]

    @property
    def nbytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.nbytes for tensor in (*self._tensors().values(), *self.adapters))

    def to(self, device: torch.device) -> "TaskTables":
        """Return the tables on a device; these, if they are there already."""
        moved: dict[str, Any] = {name: t.to(device) for name, t in self._tensors().items()}
        adapters = Bottleneck(*(tensor.to(device) for tensor in self.adapters))
        return replace(self, **moved, adapters=adapters)

    def _tensors(self) -> dict[str, Tensor]:
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in named if isinstance(value, Tensor)}


@torch.inference_mode()
def build_tables(
    backbone: FrozenViT,
    spec: TaskSpec,
    tensors: Mapping[str, Tensor],
    match: MatchMode | None = None,
) -> TaskTables:
    """Build the tables of a task on the CPU.

    Args:
        backbone: the view that the task runs on, on any device.
        spec: metadata of the task.
        tensors: of its file, by name.
        match: how prompts are matched; None for the task's own. Tasks without an early map match
            by the query.
    """
    device = next(backbone.parameters()).device
    shared = [
        torch.cat([kv.key, kv.value])
        for kv in backbone.prompts_kv(tensors["shared_prompts"].to(device))
    ]
    both = spec.phases == 2
    return TaskTables(
        view=view_key(spec.backbone),
        split=spec.shared_blocks,
        top=spec.top_k if both else 0,
        temperature=spec.temperature,
        shared=torch.stack(shared).cpu(),
        classes=F.normalize(tensors["classifier"], dim=1),
        adapters=_adapters(tensors, backbone.depth, backbone.width),
        group=tensors["group_prompts"] if both else None,
        keys=F.normalize(tensors["keys"], dim=1) if both else None,
        reads_both=spec.reads_both,
        early_weight=tensors.get("early_weight"),
        early_bias=tensors.get("early_bias"),
        early_margin=spec.early_margin(match or spec.match),
    )


def table_bytes(depth: int, width: int, spec: TaskSpec) -> int:
    """Return the bytes of the tables of a task before they are built.

    Args:
        depth, width: L and D of the backbone.

    >>> from lpt.task import Task
    >>> spec = lpt.load("runs/digits", device="cpu").spec
    >>> table_bytes(12, 192, spec) < 2_000_000
    True
    """
    read = token_widths(spec.backbone.feature)
    rows = 2 * depth * spec.prompt_length + read * len(spec.class_names)
    if spec.phases == 2:
        rows += spec.pool_size * ((depth - spec.shared_blocks) * spec.prompt_length + read)
    adapter = spec.adapter_width * (2 * width + 1) + width
    early = 0 if spec.early is None else spec.pool_size * (3 * width + 1)
    return 4 * (rows * width + depth * adapter + early)


def _adapters(tensors: Mapping[str, Tensor], depth: int, width: int) -> Bottleneck:
    own = {n.removeprefix("adapter_"): t for n, t in tensors.items() if n.startswith("adapter_")}
    if own:
        return scaled_bottlenecks(**own)
    sizes = ((width, 0), (0,), (0, width), (width,))
    return Bottleneck(*(torch.zeros(depth, *size) for size in sizes))
