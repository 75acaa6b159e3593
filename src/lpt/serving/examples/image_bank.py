"""Training images of one version of a task, by the features that its classifier sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from lpt.serving.serving_records import NearestImages, TrainingImage

__all__ = ["BankedImage", "ImageBank"]


@dataclass(frozen=True)
class BankedImage:
    """A training image.

    Attributes:
        index: of its class.
        feature: class token after the final norm.
        thumbnail: a JPEG.
    """

    index: int
    feature: Float[Tensor, " D"]
    thumbnail: bytes


class ImageBank:
    """Training images to search in.

    Args:
        images: at least one.

    >>> bank = ImageBank([BankedImage(3, torch.ones(2), b""), BankedImage(5, -torch.ones(2), b"")])
    >>> [image.index for image in bank.nearest(torch.tensor([0.0, -2.0]), 1).images]
    [5]
    """

    def __init__(self, images: Sequence[BankedImage]) -> None:
        self._unit = F.normalize(torch.stack([image.feature for image in images]), dim=1)
        self._indices = [image.index for image in images]
        self._thumbnails = [image.thumbnail for image in images]

    @property
    def nbytes(self) -> int:
        """Bytes of features and thumbnails."""
        return self._unit.nbytes + sum(map(len, self._thumbnails))

    def nearest(self, feature: Float[Tensor, " D"], number: int) -> NearestImages:
        """Return the images with the largest cosine similarity, nearest first."""
        cosines = self._unit @ F.normalize(feature, dim=0)
        best = cosines.topk(min(number, len(cosines)))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        images = (TrainingImage(self._indices[i], c, self._thumbnails[i]) for i, c in pairs)
        return NearestImages("ready", len(cosines), tuple(images))
