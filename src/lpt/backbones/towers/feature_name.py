"""How a user chooses the feature of a backbone (`lpt.backbones.towers.feature`)."""

from typing import Literal

__all__ = ["FeatureChoice", "FeatureName", "token_widths"]

FeatureName = Literal["own", "class+patches"]
"""`own`: as the model was trained. `class+patches`: class token and mean of the patch tokens."""

FeatureChoice = Literal["auto", "own", "class+patches"]
"""`auto`: `class+patches` for models with a trained class token, `own` for others."""


def token_widths(feature: FeatureName) -> int:
    """Return the length of a feature in widths of a token.

    >>> token_widths("own"), token_widths("class+patches")
    (1, 2)
    """
    return 2 if feature == "class+patches" else 1
