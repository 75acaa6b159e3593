"""The vector that describes an image: the class token, the mean of the patches, or a learned pool.

Query and feature of the method are both read in this way.
"""

from enum import Enum
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from lpt.backbones.towers.feature_name import FeatureChoice, FeatureName
from lpt.errors import BackboneError

__all__ = ["Feature", "chosen_feature", "feature_of", "pooled"]


class Feature(Enum):
    """How a model reads one vector from the tokens after its last block."""

    CLASS_TOKEN = "class token"
    MEAN = "mean of the patch tokens"
    ATTENTION = "attention pool"
    CLASS_AND_MEAN = "class token and mean of the patch tokens"


def feature_of(model: Any, name: FeatureName = "own") -> Feature:
    """Return how a timm model makes its feature.

    A model with an attention pool uses it, and one without a class token the mean of its patches. A
    model with a class token uses that. The exception are BEiT, EVA and EVA-02 with a norm behind
    the mean (`fc_norm`): they were trained to classify by the mean, and their class token was not.

    Args:
        model: a timm model with `cls_token`, `fc_norm` and, if it has one, `attn_pool`.
        name: the user's choice.
    Raises: BackboneError if the choice is impossible for the model.
    """
    own = _own_feature(model)
    if name == "own":
        return own
    if own is not Feature.CLASS_TOKEN:
        raise BackboneError(
            f"feature {name}: {type(model).__name__} has no trained class token (its feature is "
            f"the {own.value}). Use feature=own."
        )
    return Feature.CLASS_AND_MEAN


def chosen_feature(model: Any, choice: FeatureChoice) -> FeatureName:
    """Return the feature that a choice means for a timm model (see `FeatureChoice`)."""
    if choice != "auto":
        return choice
    return "class+patches" if _own_feature(model) is Feature.CLASS_TOKEN else "own"


def _own_feature(model: Any) -> Feature:
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
) -> Float[Tensor, "B F"]:
    """Read the feature from the tokens after the last block.

    Args:
        model: as for `feature_of`.
        feature: one of its features.
        tokens: with those that precede the patches.
    Returns: (B, D); (B, 2 D) for class token and mean, each of length 1 so that neither outweighs
        the other in the cosines of keys and classifier.
    Source: class token and mean together: DINOv2 (Oquab et al., TMLR 2024), linear evaluation.
    """
    match feature:
        case Feature.CLASS_TOKEN:
            read = model.norm(tokens[:, 0])
        case Feature.MEAN:
            read = model.norm(tokens[:, model.num_prefix_tokens :]).mean(1)
        case Feature.ATTENTION:
            read = model.pool(model.norm(tokens))
        case Feature.CLASS_AND_MEAN:
            normed = model.norm(tokens)
            parts = normed[:, 0], normed[:, model.num_prefix_tokens :].mean(1)
            return torch.cat([F.normalize(model.fc_norm(part), dim=-1) for part in parts], dim=-1)
    out: Tensor = model.fc_norm(read)
    return out
