"""The model: prompts, adapters, matching, cosine classifier, and the two passes."""

from lpt.model.adapters import Adapters
from lpt.model.classifier import CosineClassifier
from lpt.model.prompt_pool import PromptPool
from lpt.model.prompt_shape import PromptShape
from lpt.model.shared_prompts import SharedPrompts
from lpt.model.two_pass import LongTailedPromptModel, Prefix, SharedParts

__all__ = [
    "Adapters",
    "CosineClassifier",
    "LongTailedPromptModel",
    "Prefix",
    "PromptPool",
    "PromptShape",
    "SharedParts",
    "SharedPrompts",
]
