"""The check of parts of lpt that know the plain ViT with a class token only."""

from lpt.backbones.towers.feature import Feature
from lpt.backbones.towers.timm_towers import PlainTower
from lpt.backbones.vit import FrozenViT
from lpt.errors import BackboneError

__all__ = ["check_plain", "is_plain"]


def is_plain(backbone: FrozenViT) -> bool:
    """Whether a backbone is a `VisionTransformer` of timm whose feature is its class token."""
    return isinstance(backbone.tower, PlainTower) and backbone.feature is Feature.CLASS_TOKEN


def check_plain(
    purpose: str, backbone: FrozenViT, remedy: str, *, with_patches: bool = False
) -> None:
    """Check that a backbone is a plain ViT with a class token.

    Args:
        purpose: what needs it, such as the name of a baseline.
        backbone: what is given.
        remedy: the sentence that ends the message.
        with_patches: whether its feature may be class token and mean of the patch tokens.
    Raises: BackboneError if it is another.
    """
    features = [Feature.CLASS_TOKEN, *([Feature.CLASS_AND_MEAN] if with_patches else [])]
    if not (isinstance(backbone.tower, PlainTower) and backbone.feature in features):
        kind = type(backbone.model).__name__
        raise BackboneError(
            f"{purpose}: needs a plain ViT with a class token, not {kind} with "
            f"{backbone.feature.value}. {remedy}"
        )
