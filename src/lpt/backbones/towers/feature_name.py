"""How a user chooses the feature of a backbone (`lpt.backbones.towers.feature`)."""

from typing import Literal

__all__ = ["FeatureName"]

FeatureName = Literal["auto", "class+patches"]
"""`auto`: as the model was trained. `class+patches`: class token and mean of the patch tokens."""
