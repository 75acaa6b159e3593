"""Visual prompt tuning: trainable prompt tokens in every block (deep) or the first (shallow).

Source: VPT (Jia, Tang, Chen, Cardie, Belongie, Hariharan and Lim, ECCV 2022), section 3.2.
Departures: truncated normal initialisation in place of Xavier's uniform, as in LPT; no dropout on
prompts. Deep prompts are phase 1 of LPT with another sampler, loss and learning rates.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.backbones.attention import BlockPrompts
from lpt.backbones.checks.plain_only import check_plain
from lpt.backbones.towers.feature import Feature
from lpt.baselines.baseline import Baseline
from lpt.baselines.encoder import Encoder
from lpt.config.ranges import Length
from lpt.config.section import Section
from lpt.model.shared_prompts import SharedPrompts

__all__ = ["DEEP", "SHALLOW", "DeepPrompts", "PromptOptions", "ShallowPrompts"]


class PromptOptions(Section):
    """Options of visual prompt tuning.

    Attributes:
        prompt_length: P, prompt tokens per block.
    """

    prompt_length: Length = 10


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
        """The class token, which attends to the prompts of each block."""
        prompts = [(kv,) for kv in self.backbone.prompts_kv(self.shared.prompts.unbind(0))]
        return self.backbone.finish(self.backbone.embed(images), prompts)


class ShallowPrompts(_Prompted):
    """Prompt tokens that enter the first block and pass through all blocks."""

    def __init__(self, backbone: FrozenViT, options: PromptOptions) -> None:
        check_plain(
            "vpt-shallow", backbone, "Choose another backbone, or vpt-deep.", with_patches=True
        )
        super().__init__(backbone, 1, options)

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """The feature. Prompts have no position, so they are appended to the tokens."""
        tokens = self.backbone.embed(images)
        prompts = self.shared.prompts.to(tokens).expand(len(tokens), -1, -1)
        joined = torch.cat([tokens, prompts], dim=1)
        none: list[BlockPrompts] = [()] * self.backbone.depth
        if self.backbone.feature is Feature.CLASS_TOKEN:
            return self.backbone.finish(joined, none)
        after = self.backbone.run(joined, none)
        return self.backbone.pooled(after[:, : tokens.shape[1]])  # prompts are no patches


DEEP = Baseline.of_encoder(DeepPrompts, {"lr": 3e-3}, PromptOptions)
SHALLOW = Baseline.of_encoder(ShallowPrompts, {"lr": 3e-3}, PromptOptions)
