"""What is learned beside the classifier: the shared prompt and the pool of group prompts."""

from lpt.prompts.pool import PromptPool
from lpt.prompts.shared import SharedPrompts

__all__ = ["PromptPool", "SharedPrompts"]
