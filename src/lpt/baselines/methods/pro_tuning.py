"""Pro-Tuning: small convolutional blocks add prompts to feature maps between ViT blocks.

Source: Nie and others, 2022 (arXiv:2207.14381; IEEE TCSVT 2023), section 3: a pointwise, a
depthwise 5 x 5 and a pointwise convolution, whose output is added to the map. Departures: the maps
consist of patch tokens, without class and register tokens; a prompt block follows every ViT block
except the last, after which patch tokens are not read; the number of channels is an option; no
norms within; prompts start at zero.
"""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline import Baseline
from lpt.baselines.encoder import Encoder
from lpt.config.ranges import Width
from lpt.config.section import Section

__all__ = ["BASELINE", "ProOptions", "PromptBlock", "PromptedMaps"]


def _odd(width: int) -> int:
    if width % 2 == 0:
        raise ValueError(f"{width} must be odd")
    return width


class ProOptions(Section):
    """Options of Pro-Tuning.

    Attributes:
        channels: of the depthwise convolution.
        kernel: its width in patches, odd.
    """

    channels: Width = 32
    kernel: Annotated[int, Field(ge=1, le=99), AfterValidator(_odd)] = 5


class PromptBlock(nn.Sequential):
    """Computes the prompt of a feature map (B, D, h, w), of the same shape."""

    def __init__(self, width: int, options: ProOptions) -> None:
        channels, kernel = options.channels, options.kernel
        last = nn.Conv2d(channels, width, 1)
        nn.init.zeros_(last.weight)
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        super().__init__(
            nn.Conv2d(width, channels, 1),
            nn.GELU(),
            nn.Conv2d(channels, channels, kernel, padding="same", groups=channels),
            nn.GELU(),
            last,
        )


class PromptedMaps(Encoder):
    """A frozen backbone with trainable prompt blocks between its blocks."""

    def __init__(self, backbone: FrozenViT, options: ProOptions) -> None:
        super().__init__()
        self.backbone = backbone
        self.grid = tuple(backbone.model.patch_embed.grid_size)
        self.prefix_tokens: int = backbone.model.num_prefix_tokens
        number = backbone.depth - 1
        self.prompts = nn.ModuleList(PromptBlock(backbone.width, options) for _ in range(number))

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """The prompt blocks."""
        return {"backbone": list(self.prompts.parameters())}

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """The class token, which attends to prompted patch tokens."""
        tokens = self.backbone.embed(images)
        for index, prompt in enumerate(self.prompts):
            tokens = self.backbone.run(tokens, [()], first=index)
            patches = tokens[:, self.prefix_tokens :]
            feature_map = patches.mT.reshape(*patches.mT.shape[:2], *self.grid)
            added = prompt(feature_map).flatten(2).mT
            tokens = torch.cat([tokens[:, : self.prefix_tokens], patches + added], dim=1)
        return self.backbone.finish(tokens, [()])


BASELINE = Baseline.of_encoder(PromptedMaps, {"lr": 1e-3}, ProOptions)
