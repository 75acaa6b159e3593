"""How a user chooses the feature of a backbone (`lpt.backbones.towers.feature`)."""

from typing import Literal

__all__ = ["FeatureName", "token_widths"]

FeatureName = Literal["auto", "class+patches"]
"""`auto`: as the model was trained. `class+patches`: class token and mean of the patch tokens."""


def token_widths(feature: FeatureName) -> int:
    """Return the length of a feature in widths of a token.

    >>> token_widths("auto"), token_widths("class+patches")
    (1, 2)
    """
    return 2 if feature == "class+patches" else 1
