"""Losses by name: a function, the class counts and the options, bound into one module.

The signature of a loss function states everything that training needs to know about it:

    def loss(cosine, labels, counts, *, OPTION: TYPE = DEFAULT, noise, feature, progress)

`counts` and everything after it may be left out. Each keyword-only parameter is an option, checked
against its annotation, except three that training fills in: `noise` (B, C) from `draw_noise`, or
None outside training; `feature` (B, D), from which the cosines were computed; and `progress`, a
`lpt.records.Progress` with the epoch.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from lpt.errors import ConfigError
from lpt.losses import functional
from lpt.losses.agcl import AGCL_PAPER, AGCL_RELEASED, agcl, gcl
from lpt.losses.deferred import gcl_drw
from lpt.losses.loss_signature import LossEntry, Option
from lpt.records import Progress
from lpt.registry import Registry

__all__ = [
    "LOSSES",
    "BoundLoss",
    "Loss",
    "build_loss",
    "check_loss",
    "loss_names",
    "register_loss",
]


@runtime_checkable
class Loss(Protocol):
    """The interface of a classification loss in training.

    Attributes:
        needs_noise: whether `noise` changes the value; draw it with `draw_noise` in training.
        needs_feature: whether `feature` changes the value.
        needs_progress: whether `progress` changes the value.
        options: every option with its value.
        counts: (C,) training images per class.
    """

    needs_noise: bool
    needs_feature: bool
    needs_progress: bool
    options: Mapping[str, Option]
    counts: Tensor

    def __call__(
        self,
        cosine: Float[Tensor, "B C"],
        labels: Int[Tensor, " B"],
        noise: Float[Tensor, "B C"] | None = None,
        *,
        feature: Float[Tensor, "B D"] | None = None,
        progress: Progress | None = None,
    ) -> Float[Tensor, " B"]:
        """Return one value per image; without `noise` there is none."""
        ...

    def with_options(self, **options: Option) -> "Loss":
        """Return the same loss with some options changed."""
        ...


LOSSES: Registry[LossEntry] = Registry(
    "loss",
    {
        "ce": LossEntry(functional.cross_entropy),
        "focal": LossEntry(functional.focal),
        "ldam": LossEntry(functional.ldam),
        "balanced-softmax": LossEntry(functional.balanced_softmax),
        "logit-adjustment": LossEntry(functional.logit_adjustment),
        "class-balanced": LossEntry(functional.class_balanced),
        "gcl": LossEntry(gcl),
        "gcl-drw": LossEntry(gcl_drw),
        # The first preset is the default.
        "agcl": LossEntry(agcl, {"released": asdict(AGCL_RELEASED), "paper": asdict(AGCL_PAPER)}),
    },
)
"""Every loss by name."""


def register_loss(
    name: str,
    function: Callable[..., Tensor],
    *,
    presets: Mapping[str, Mapping[str, Option]] | None = None,
    replace: bool = False,
) -> None:
    """Add a loss, which settings then name as `phase1.loss.name` and the like.

    Args:
        name: without blanks and without any of / : = ,
        function: returns one value per image, (B,), from cosines (B, C) and labels (B,).
            Keyword-only arguments are its options; `counts`, `noise`, `feature` and `progress`
            are passed to a function that has them (docs/extending.md). Values of different images
            must be independent, since a step may be split into micro-batches.
        presets: sets of options by name; the option `preset` chooses one, and the first is the
            default.
        replace: whether a registered loss of that name may be replaced.
    Raises: ConfigError if the name is taken or the signature is not as described.

    >>> import torch
    >>> from lpt.losses import LOSSES, build_loss, register_loss
    >>> def hinge(cosine, labels, *, margin: float = 0.5):
    ...     true = cosine.gather(1, labels[:, None])
    ...     return (margin - true + cosine).clamp(min=0).sum(1) - margin
    >>> register_loss("hinge", hinge)
    >>> loss = build_loss("hinge", torch.tensor([9, 1]), margin=0.25)
    >>> loss(torch.tensor([[0.75, 0.625], [0.75, 0.0]]), torch.tensor([0, 0]))
    tensor([0.1250, 0.0000])
    >>> LOSSES.unregister("hinge")
    """
    LOSSES.register(name, LossEntry.checked(name, function, presets or {}), replace=replace)


def loss_names() -> tuple[str, ...]:
    """Return the names that `build_loss` knows, registered ones included."""
    return tuple(LOSSES)


def check_loss(name: str, options: Mapping[str, Option]) -> dict[str, Option]:
    """Check a loss's name and options without building it.

    Returns: every option with its value, defaults and preset filled in.
    Raises: ConfigError naming an unknown loss or option, or a value out of range.
    """
    return LOSSES[name].complete(name, options)


def build_loss(name: str, counts: Tensor, **options: Option) -> "BoundLoss":
    """Build a loss for classes with these training counts.

    The options are the keyword arguments of the function of the same name in
    `lpt.losses.functional` and `lpt.losses.agcl`. "agcl" also takes `preset`, "released" (the
    default) or "paper"; other options override its values.

    Args:
        name: one of `loss_names()`.
        counts: (C,) training images per class, whole numbers, at least 0.
        options: of this loss; those left out have their defaults.
    Returns: an nn.Module; the counts are a buffer that moves with it and is not saved.
    Raises: ConfigError naming an unknown loss or option, a value out of range, or bad counts.

    >>> import torch
    >>> loss = build_loss("logit-adjustment", torch.tensor([90, 10]), tau=1.0)
    >>> loss(torch.tensor([[0.5, 0.4], [0.5, 0.4]]), torch.tensor([0, 1]))
    tensor([0.0149, 4.2121])
    """
    complete = check_loss(name, options)
    if counts.dim() != 1 or counts.is_floating_point() or not (counts >= 0).all():
        raise ConfigError("loss: counts must be whole numbers, at least 0, one per class.")
    if not counts.any():
        raise ConfigError("loss: no class has a training image. Check the training split.")
    return BoundLoss(name, counts, complete)


class BoundLoss(nn.Module):
    """A loss function with its class counts and checked options; made by `build_loss`.

    Attributes: as of `Loss`, and the `name` that it was built by.
    """

    counts: Tensor

    def __init__(self, name: str, counts: Int[Tensor, " C"], options: Mapping[str, Option]) -> None:
        super().__init__()
        entry = LOSSES[name]
        self.name = name
        self.needs_noise = entry.takes("noise")
        self.needs_feature = entry.takes("feature")
        self.needs_progress = entry.takes("progress")
        self.options: Mapping[str, Option] = options
        self._function = entry.function
        self._takes_counts = entry.takes("counts")
        self._wanted = {name for name in ("feature", "progress") if entry.takes(name)}
        self._required = {name for name in self._wanted if entry.requires(name)}
        self.register_buffer("counts", counts.detach().to(torch.int64).clone(), persistent=False)

    def forward(
        self,
        cosine: Float[Tensor, "B C"],
        labels: Int[Tensor, " B"],
        noise: Float[Tensor, "B C"] | None = None,
        *,
        feature: Float[Tensor, "B D"] | None = None,
        progress: Progress | None = None,
    ) -> Float[Tensor, " B"]:
        """Return one value per image.

        Args:
            cosine: cosines of feature and class weights, in [-1, 1].
            labels: class indices.
            noise: from `draw_noise`; None for none. Ignored by a loss that takes none.
            feature: what the cosines were computed from; ignored like noise.
            progress: epoch of the step; ignored like noise.
        Raises: ValueError if `feature` or `progress` is None without a default in the function.
        """
        arguments: dict[str, Any] = dict(self.options)
        if self._takes_counts:
            arguments["counts"] = self.counts
        if self.needs_noise:
            arguments["noise"] = noise
        for name, value in (("feature", feature), ("progress", progress)):
            if name in self._required and value is None:
                raise ValueError(f"loss {self.name} needs {name}, and none was given")
            if name in self._wanted and value is not None:
                arguments[name] = value
        return self._function(cosine, labels, **arguments)

    def with_options(self, **options: Option) -> "BoundLoss":
        """Return the same loss with some options changed; a preset changes all of them.

        Raises: ConfigError as `build_loss`.
        """
        unchanged = {} if "preset" in options else self.options
        return BoundLoss(self.name, self.counts, check_loss(self.name, {**unchanged, **options}))

    def extra_repr(self) -> str:
        """Name, number of classes and options, for printing."""
        options = ", ".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.name}, classes={len(self.counts)}, {options}"
