"""The vector that describes an image: the class token, the mean of the patches, or a learned pool.

Query and feature of the method are both read in this way.
"""

from enum import Enum
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["Feature", "feature_of", "pooled"]


class Feature(Enum):
    """How a model reads one vector from the tokens after its last block."""

    CLASS_TOKEN = "class token"
    MEAN = "mean of the patch tokens"
    ATTENTION = "attention pool"


def feature_of(model: Any) -> Feature:
    """Return how a timm model makes its feature.

    A model with an attention pool uses it, and one without a class token the mean of its patches. A
    model with a class token uses that. The exception are BEiT, EVA and EVA-02 with a norm behind
    the mean (`fc_norm`): they were trained to classify by the mean, and their class token was not.

    Args:
        model: a timm model with `cls_token`, `fc_norm` and, if it has one, `attn_pool`.
    """
    if getattr(model, "attn_pool", None) is not None:
        return Feature.ATTENTION
    if model.cls_token is None:
        return Feature.MEAN
    rebuilt = type(model).__name__ in ("Beit", "Eva")
    if rebuilt and not isinstance(model.fc_norm, nn.Identity):
        return Feature.MEAN
    return Feature.CLASS_TOKEN


def pooled(
    model: Any, feature: Feature, tokens: Float[Tensor, "B tokens D"]
) -> Float[Tensor, "B D"]:
    """Read the feature from the tokens after the last block.

    Args:
        model: as for `feature_of`.
        feature: one of its features.
        tokens: with those that precede the patches.
    """
    match feature:
        case Feature.CLASS_TOKEN:
            read = model.norm(tokens[:, 0])
        case Feature.MEAN:
            read = model.norm(tokens[:, model.num_prefix_tokens :]).mean(1)
        case Feature.ATTENTION:
            read = model.pool(model.norm(tokens))
    out: Tensor = model.fc_norm(read)
    return out
