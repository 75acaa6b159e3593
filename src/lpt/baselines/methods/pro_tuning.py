"""Pro-Tuning: small convolutional blocks add prompts to the feature maps between blocks.

Source: Nie and others, 2022 (arXiv:2207.14381; IEEE TCSVT 2023), section 3: a product, a 5 x 5
convolution of each channel, a product; the result is added to the map. Departures: maps are those
of patch tokens, which class and register tokens do not enter; a block after every block of the ViT
but the last, behind which nothing reads patch tokens; channels are an option; no norm within, and
zero at the start.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline_trainer import Baseline, BaselineTrainer
from lpt.baselines.encoder import Encoder
from lpt.config.sections import Count, Section
from lpt.training.engine.stage import Stage

__all__ = ["BASELINE", "ProOptions", "PromptBlock", "PromptedMaps"]


class ProOptions(Section):
    """Channels of the convolution, and its odd width in patches."""

    channels: Count = 32
    kernel: Count = 5


class PromptBlock(nn.Sequential):
    """Makes the prompt of a feature map (B, D, h, w), of the same shape."""

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
    """The frozen backbone with prompt blocks between its blocks."""

    def __init__(self, backbone: FrozenViT, options: ProOptions) -> None:
        super().__init__()
        self.backbone = backbone
        self.grid = tuple(backbone.model.patch_embed.grid_size)
        self.others: int = backbone.model.num_prefix_tokens
        number = backbone.depth - 1
        self.prompts = nn.ModuleList(PromptBlock(backbone.width, options) for _ in range(number))

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """The prompt blocks."""
        return {"backbone": list(self.prompts.parameters())}

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """The class token, having attended to prompted patch tokens."""
        tokens = self.backbone.embed(images)
        for index, prompt in enumerate(self.prompts):
            tokens = self.backbone.run(tokens, [()], first=index)
            patches = tokens[:, self.others :]
            feature_map = patches.mT.reshape(*patches.mT.shape[:2], *self.grid)
            added = prompt(feature_map).flatten(2).mT
            tokens = torch.cat([tokens[:, : self.others], patches + added], dim=1)
        return self.backbone.finish(tokens, [()])


def _train(trainer: BaselineTrainer) -> Stage:
    return trainer.tune(PromptedMaps(trainer.context.backbone, trainer.options))


BASELINE = Baseline(_train, {"lr": 1e-3}, ProOptions)
