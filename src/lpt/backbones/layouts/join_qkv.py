"""Three projections of attention as the one product that timm has."""

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["join_qkv"]


def join_qkv(
    parts: Mapping[str, Mapping[str, Tensor]], roles: tuple[str, ...]
) -> dict[str, Tensor]:
    """Join the tensors of queries, keys and values under each name.

    Args:
        parts: by name of the joined tensor, then by role.
        roles: of queries, keys and values, in this order.
    Returns: the joined tensors; those that lack a part, or whose shapes differ, are left out.
    """
    joined = {}
    for name, three in parts.items():
        shapes = {tensor.shape for tensor in three.values()}
        if len(three) == 3 and len(shapes) == 1 and all(t.dim() for t in three.values()):
            joined[name] = torch.cat([three[role] for role in roles])
    return joined
