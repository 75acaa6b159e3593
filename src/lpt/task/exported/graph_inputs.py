"""The tensors of a task that an exported graph holds, or takes as inputs."""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.model.two_pass import LongTailedPromptModel

__all__ = ["TaskInputs"]


@dataclass(frozen=True)
class TaskInputs:
    """What a task adds to the graph of its backbone, in the form in which the graph uses it.

    Attributes:
        shared_keys, shared_values: (L, heads, P, head width) of the shared prompts.
        classifier: (C, D) class directions of unit length.
        temperature: (1,); softmax(logits / temperature) gives probabilities.
        group_prompts: (M, L-K, P, D); None for a task of phase 1.
        keys: (M, D) of unit length; None for a task of phase 1.
        adapter_down, adapter_down_bias, adapter_up, adapter_up_bias: of every block, with the scale
            in the last two (`lpt.backbones.blocks.bottleneck`); None for a task without adapters.
    """

    shared_keys: Float[Tensor, "L heads P head_width"]
    shared_values: Float[Tensor, "L heads P head_width"]
    classifier: Float[Tensor, "C D"]
    temperature: Float[Tensor, "1"]
    group_prompts: Float[Tensor, "M suffix P D"] | None = None
    keys: Float[Tensor, "M D"] | None = None
    adapter_down: Float[Tensor, "L D r"] | None = None
    adapter_down_bias: Float[Tensor, "L r"] | None = None
    adapter_up: Float[Tensor, "L r D"] | None = None
    adapter_up_bias: Float[Tensor, "L D"] | None = None

    @classmethod
    @torch.no_grad()
    def of(cls, model: LongTailedPromptModel, temperature: float) -> Self:
        """Compute the tensors of a trained model, in float32 on the CPU."""
        shared = model.shared_parts().prompts
        both = model.phases == 2
        adapters = () if model.adapters is None else model.adapters.scaled()
        return cls(
            torch.cat([kv.key for kv in shared]).cpu(),
            torch.cat([kv.value for kv in shared]).cpu(),
            F.normalize(model.classifier.weight, dim=1).cpu(),
            torch.tensor([temperature]),
            model.pool.prompts.detach().cpu() if both else None,
            F.normalize(model.pool.keys, dim=1).cpu() if both else None,
            *(tensor.detach().cpu() for tensor in adapters),
        )

    @staticmethod
    def names(phases: int, *, adapters: bool) -> tuple[str, ...]:
        """Names of the tensors of a task of one phase or both, with adapters or without."""
        own = ("shared_keys", "shared_values", "classifier", "temperature")
        groups = ("group_prompts", "keys") if phases == 2 else ()
        return (*own, *groups, *(f"adapter_{name}" for name in Bottleneck._fields if adapters))

    @property
    def classes(self) -> int:
        """C."""
        return self.classifier.shape[0]

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        return {name: value for name, value in vars(self).items() if value is not None}
