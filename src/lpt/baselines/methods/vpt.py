"""Visual prompt tuning: prompt tokens of every block (deep) or of the first alone (shallow) learn.

Source: VPT (Jia, Tang, Chen, Cardie, Belongie, Hariharan and Lim, ECCV 2022), section 3.2.
Departures: a truncated normal start in place of Xavier's uniform, as in LPT; no dropout on prompts.
Deep is phase 1 of long-tailed prompt tuning with another sampler, loss and rates.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.encoder import Encoder
from lpt.config.sections import Count, Section
from lpt.model.shared_prompts import SharedPrompts
from lpt.training.engine.stage import Stage

__all__ = ["DEEP", "SHALLOW", "DeepPrompts", "PromptOptions", "ShallowPrompts"]


class PromptOptions(Section):
    """P, prompt tokens a block."""

    prompt_length: Count = 10


class _Prompted(Encoder):
    def __init__(self, backbone: FrozenViT, blocks: int, options: PromptOptions) -> None:
        super().__init__()
        self.backbone = backbone
        self.shared = SharedPrompts(blocks, options.prompt_length, backbone.width)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """The prompts."""
        return {"prompts": [self.shared.prompts]}


class DeepPrompts(_Prompted):
    """New prompt tokens in every block."""

    def __init__(self, backbone: FrozenViT, options: PromptOptions) -> None:
        super().__init__(backbone, backbone.depth, options)

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """The class token, having attended to the prompts of each block."""
        prompts = [(kv,) for kv in self.backbone.prompts_kv(self.shared.prompts.unbind(0))]
        return self.backbone.finish(self.backbone.embed(images), prompts)


class ShallowPrompts(_Prompted):
    """Prompt tokens that enter the first block and run through all of them."""

    def __init__(self, backbone: FrozenViT, options: PromptOptions) -> None:
        super().__init__(backbone, 1, options)

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """The class token; where prompts stand does not matter, they have no position."""
        tokens = self.backbone.embed(images)
        prompts = self.shared.prompts.to(tokens).expand(len(tokens), -1, -1)
        none = [()] * self.backbone.depth
        return self.backbone.finish(torch.cat([tokens, prompts], dim=1), none)


def _train_deep(trainer: BaselineTrainer) -> Stage:
    return trainer.tune(DeepPrompts(trainer.context.backbone, trainer.options))


def _train_shallow(trainer: BaselineTrainer) -> Stage:
    return trainer.tune(ShallowPrompts(trainer.context.backbone, trainer.options))


DEEP = Baseline(_train_deep, {"lr": 3e-3}, PromptOptions)
SHALLOW = Baseline(_train_shallow, {"lr": 3e-3}, PromptOptions)
