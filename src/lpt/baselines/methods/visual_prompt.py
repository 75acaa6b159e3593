"""Visual Prompting: a trainable frame of pixels is added to every image.

Source: Bahng, Jahanian, Sankaranarayanan and Isola, 2022 (arXiv:2203.17274), section 3: padding of
30 of 224 pixels per side. Departures: the frame starts at zero; a classifier is trained with it, as
in LPT's comparison (Dong et al., ICLR 2023, table 15), where the source maps old classes to new
ones; AdamW in place of SGD with a learning rate of 40; `shrink` fits the image into the frame,
which otherwise is added to the border of the image.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.baselines.baseline import Baseline
from lpt.baselines.encoder import Encoder
from lpt.config.ranges import Length
from lpt.config.section import Section
from lpt.errors import ConfigError

__all__ = ["BASELINE", "FrameOptions", "FramedImages"]


class FrameOptions(Section):
    """Options of Visual Prompting.

    Attributes:
        border: pixels of the frame per side; None for 30 of 224.
        shrink: whether the image is resized to fit into the frame.
    """

    border: Length | None = None
    shrink: bool = False


class FramedImages(Encoder):
    """A frozen backbone that encodes framed images.

    Attributes:
        pixels: (3, pixels within `border` of the edge), in normalised colours.

    Raises: ConfigError if the frame covers the whole image.
    """

    edge: Tensor

    def __init__(self, backbone: FrozenViT, options: FrameOptions) -> None:
        super().__init__()
        size = backbone.model.patch_embed.img_size[0]
        border = options.border or max(1, round(size * 30 / 224))
        if 2 * border >= size:
            raise ConfigError(f"border={border}: choose 1..{(size - 1) // 2} for {size} pixels.")
        self.backbone, self.border, self.shrink = backbone, border, options.shrink
        edge = torch.ones(size, size, dtype=torch.bool)
        edge[border : size - border, border : size - border] = False
        self.register_buffer("edge", edge, persistent=False)
        self.pixels = nn.Parameter(torch.zeros(3, int(edge.sum())))

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """The frame."""
        return {"prompts": [self.pixels]}

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """Add the frame to images and return the backbone's class token."""
        if self.shrink:
            size = images.shape[-1] - 2 * self.border
            small = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
            images = F.pad(small, (self.border,) * 4)
        frame = images.new_zeros(images.shape[1:])
        frame[:, self.edge] = self.pixels.to(frame)
        feature: Tensor = self.backbone(images + frame)
        return feature


BASELINE = Baseline.of_encoder(FramedImages, {"lr": 1e-2, "classifier_lr": 3e-3}, FrameOptions)
