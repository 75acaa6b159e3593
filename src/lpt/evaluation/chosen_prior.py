"""The class frequencies of unlabelled images, estimated only as far as the images show them.

Free frequencies, one per class, need probabilities that are calibrated for every class. Models of
long-tailed data have no such probabilities for rare classes, and validation images of these are
missing. Where all classes occur, free estimates therefore cost more than they gain. Two estimates
are safe: one number for how strongly the images follow the training frequencies, and free
frequencies where most of the images are of a few classes. Small differences are not acted on.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from lpt.evaluation.priors import IMAGES_PER_CLASS, Counts, effective_prior, estimate_prior

__all__ = ["ChosenPrior", "choose_prior", "estimate_tail"]

Floats = npt.NDArray[np.floating[Any]]

EXPONENTS = np.linspace(-2.0, 2.0, 81)
LEAST_TAIL = 0.1
"""Gain in log-likelihood per image, in nats, from which the exponent is used."""

LEAST_FREE = 0.5
"""Further gain per image from which the frequencies of all classes are estimated freely."""

FLOOR = 1e-300  # an image that no class of the prior explains


class ChosenPrior(NamedTuple):
    """Class frequencies of images, and where they come from.

    Attributes:
        prior: (C,) float64, sums to 1.
        images: number of images that they were estimated from.
        follows: "training" if they are training frequencies ** exponent; "images" if each class has
            its own estimate; "task" if the images do not differ clearly from the frequencies that
            the probabilities reflect, which are then kept.
        exponent: 1 for the training frequencies, 0 for the same for all classes, below 0 if rare
            classes are frequent; None unless `follows` is "training".
    """

    prior: Floats
    images: int
    follows: Literal["training", "images", "task"]
    exponent: float | None = None

    @property
    def few(self) -> bool:
        """Whether the images are too few for a reliable estimate of C classes."""
        return self.images < IMAGES_PER_CLASS * len(self.prior)


def choose_prior(probabilities: Floats, source: Floats, class_counts: Counts) -> ChosenPrior:
    """Estimate the class frequencies of unlabelled images, as freely as they allow.

    With L the mean log-likelihood of n images of C classes, less (parameters / n) for what any
    estimate gains on its own images:

    - free frequencies (`lpt.evaluation.priors.estimate_prior`) if their L exceeds the others' by
      0.5;
    - else the best exponent (`estimate_tail`) if its L exceeds that of `source` by 0.1;
    - else `source`.

    Args:
        probabilities: (n, C), calibrated under `source`.
        source: (C,) frequencies that the probabilities reflect, all above 0.
        class_counts: (C,) training images per class.
    Raises: ShapeError without images, or if sizes differ.
    Source: ours; the penalty is that of Akaike, IEEE Transactions on Automatic Control 19 (1974).
        The two bounds were chosen on left-out training images
        (experiments/2026-11-28_growing_task).

    >>> even = np.full(3, 1 / 3)
    >>> rare = np.full((100, 3), 0.05) + 0.85 * np.eye(3)[[0] * 10 + [1] * 20 + [2] * 70]
    >>> chosen = choose_prior(rare, even, [400, 200, 50])
    >>> chosen.follows, round(chosen.exponent, 2)
    ('training', -1.15)
    >>> choose_prior(rare[[0, 10, 80]], even, [400, 200, 50]).follows
    'task'
    """
    free = estimate_prior(probabilities, source).prior
    exponent, tail = estimate_tail(probabilities, source, class_counts)
    images = len(probabilities)
    none = _likelihood(probabilities, source, source)
    tail_gain = _likelihood(probabilities, source, tail) - none - 1 / images
    free_gain = _likelihood(probabilities, source, free) - none - (len(free) - 1) / images
    if free_gain - max(tail_gain, 0.0) >= LEAST_FREE:
        return ChosenPrior(free, images, "images")
    if tail_gain >= LEAST_TAIL:
        return ChosenPrior(tail, images, "training", exponent)
    return ChosenPrior(np.asarray(source / np.sum(source)), images, "task")


def estimate_tail(
    probabilities: Floats, source: Floats, class_counts: Counts
) -> tuple[float, Floats]:
    """Find the power of the training frequencies under which unlabelled images are most likely.

    Args:
        probabilities: (n, C), calibrated under `source`.
        source: (C,) frequencies that the probabilities reflect, all above 0.
        class_counts: (C,) training images per class.
    Returns: the exponent in [-2, 2], on a grid of 0.05, and the (C,) frequencies.
    Source: maximum likelihood, as in Saerens et al. (2002), with one parameter. Tails of several
        strengths, forward and backward: test-agnostic long-tailed recognition (Zhang et al.,
        NeurIPS 2022).
    """
    best = max(
        (float(power) for power in EXPONENTS),
        key=lambda power: _likelihood(probabilities, source, effective_prior(class_counts, power)),
    )
    return best, effective_prior(class_counts, best)


def _likelihood(probabilities: Floats, source: Floats, target: Floats) -> float:
    """Mean log-likelihood of images under other frequencies, up to a constant."""
    ratio = target / source
    return float(np.log(np.maximum(probabilities @ ratio, FLOOR)).mean())
