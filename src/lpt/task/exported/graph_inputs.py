"""The tensors of a task that an exported graph holds, or takes as inputs."""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

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
    """

    shared_keys: Float[Tensor, "L heads P head_width"]
    shared_values: Float[Tensor, "L heads P head_width"]
    classifier: Float[Tensor, "C D"]
    temperature: Float[Tensor, "1"]
    group_prompts: Float[Tensor, "M suffix P D"] | None = None
    keys: Float[Tensor, "M D"] | None = None

    @classmethod
    @torch.no_grad()
    def of(cls, model: LongTailedPromptModel, temperature: float) -> Self:
        """Compute the tensors of a trained model, in float32 on the CPU."""
        shared = model.shared_kv()
        both = model.phases == 2
        return cls(
            torch.cat([kv.key for kv in shared]).cpu(),
            torch.cat([kv.value for kv in shared]).cpu(),
            F.normalize(model.classifier.weight, dim=1).cpu(),
            torch.tensor([temperature]),
            model.pool.prompts.detach().cpu() if both else None,
            F.normalize(model.pool.keys, dim=1).cpu() if both else None,
        )

    @staticmethod
    def names(phases: int) -> tuple[str, ...]:
        """Names of the tensors of a task of one phase or both."""
        own = ("shared_keys", "shared_values", "classifier", "temperature")
        return own if phases == 1 else (*own, "group_prompts", "keys")

    @property
    def classes(self) -> int:
        """C."""
        return self.classifier.shape[0]

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        return {name: value for name, value in vars(self).items() if value is not None}
