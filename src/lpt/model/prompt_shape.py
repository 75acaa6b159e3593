"""The sizes of the prompts."""

from dataclasses import dataclass, replace

from lpt.errors import ConfigError

__all__ = ["PromptShape"]


@dataclass(frozen=True)
class PromptShape:
    """Sizes of the prompts; `lpt.config.PromptConfig` holds the defaults.

    Attributes:
        length: P, prompt tokens per block.
        shared_blocks: K, leading blocks that take the shared prompts only; None means L/2.
        pool_size: M, group prompts.
        top_k: T, group prompts averaged per image (the paper's k).
    """

    length: int
    shared_blocks: int | None
    pool_size: int
    top_k: int

    def resolved(self, depth: int) -> "PromptShape":
        """Fill in K for a backbone of `depth` blocks and check every size.

        Raises: ConfigError naming the setting, its value and its range.

        >>> PromptShape(length=10, shared_blocks=None, pool_size=20, top_k=2).resolved(12)
        PromptShape(length=10, shared_blocks=6, pool_size=20, top_k=2)
        """
        if depth < 2:
            raise ConfigError(
                f"The backbone has {depth} block; prompts need 2 or more. Choose another backbone."
            )
        blocks = depth // 2 if self.shared_blocks is None else self.shared_blocks
        if not 1 <= blocks < depth:
            raise ConfigError(
                f"prompts.shared_blocks={blocks}: choose 1..{depth - 1} for {depth} blocks."
            )
        if self.length < 1 or self.pool_size < 1:
            raise ConfigError(
                f"prompts.length={self.length}, prompts.pool_size={self.pool_size}: at least 1."
            )
        if not 1 <= self.top_k <= self.pool_size:
            raise ConfigError(
                f"prompts.top_k={self.top_k}: choose 1..{self.pool_size}, the size of the pool."
            )
        return replace(self, shared_blocks=blocks)
