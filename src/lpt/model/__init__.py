"""The model: prompts, matching, cosine classifier, and the two passes that use them."""

from lpt.model.classifier import CosineClassifier
from lpt.model.prompt_pool import PromptPool
from lpt.model.shared_prompts import SharedPrompts
from lpt.model.two_pass import LongTailedPromptModel, Prefix, PromptShape

__all__ = [
    "CosineClassifier",
    "LongTailedPromptModel",
    "Prefix",
    "PromptPool",
    "PromptShape",
    "SharedPrompts",
]
