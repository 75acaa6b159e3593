"""The records that flow from images to predictions, in this order.

Shape legend, used in every signature of the package:

    B  images in a batch             L  transformer blocks of the backbone
    H  image height = width          K  leading blocks, which take the shared prompts only
    N  patch tokens                  P  prompt tokens per block
    D  token width                   M  group prompts in the pool
    C  classes                       T  group prompts matched per image

    Batch -> Prefix (tokens after block K, query; in lpt.model) -> Match -> Output -> Predictions
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["Batch", "Match", "Output", "Predictions", "Progress"]


@dataclass(frozen=True)
class Batch:
    """Images of one step, transformed and normalised, with their labels and positions.

    Attributes:
        images: (B, 3, H, H) float32.
        labels: (B,) int64 class indices.
        ids: (B,) int64 positions of the images in their split.
    """

    images: Float[Tensor, "B 3 H H"]
    labels: Int[Tensor, " B"]
    ids: Int[Tensor, " B"]


@dataclass(frozen=True)
class Match:
    """The group prompts that each image was matched to.

    Attributes:
        ids: (B, T) int64, by descending similarity.
        similarity: (B, T) cosine of query and key, in [-1, 1]; the keys' gradients flow through it.
            With early matching, an estimate of it.
        prompts: (B, L-K, P, D) mean of the T matched group prompts.
    """

    ids: Int[Tensor, "B T"]
    similarity: Float[Tensor, "B T"]
    prompts: Float[Tensor, "B suffix P D"]


@dataclass(frozen=True)
class Output:
    """The results of one forward pass.

    Attributes:
        logits: (B, C) cosines of feature and class weights, in [-1, 1].
        feature: (B, D) class token after the final norm: the classifier's input.
        query: (B, D) class token of the shared-prompt pass (phase 1's feature); None with early
            matching, which computes it for few images or none.
        match: the matched group prompts; None in phase 1.
    """

    logits: Float[Tensor, "B C"]
    feature: Float[Tensor, "B D"]
    query: Float[Tensor, "B D"] | None
    match: Match | None = None


@dataclass(frozen=True)
class Predictions:
    """A model's predictions for a whole split, in the split's order, on the CPU.

    Attributes:
        logits: (n, C) float32 cosines.
        labels: (n,) int64.
        matched: (n, T) int64 ids of group prompts, or None for models without a pool.
    """

    logits: np.ndarray
    labels: np.ndarray
    matched: np.ndarray | None = None


@dataclass(frozen=True)
class Progress:
    """Position of a step in its stage.

    Attributes:
        epoch: index of the epoch, 0 .. epochs - 1.
        epochs: number of epochs of the stage.
    """

    epoch: int
    epochs: int
