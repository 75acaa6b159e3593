"""Train and score a baseline from Python, as the rows of a study are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from lpt.api.train_request import PathLike, TrainRequest
from lpt.api.train_task import choose_reporter
from lpt.baselines import baseline_settings
from lpt.baselines import train_baseline as train_in_context
from lpt.errors import ParameterError
from lpt.evaluation import Metrics
from lpt.progress import Reporter
from lpt.training.run.training_context import TrainingContext

__all__ = ["BaselineResult", "train_baseline"]


@dataclass(frozen=True)
class BaselineResult:
    """The scores of a trained baseline, and what its training took.

    Attributes:
        method: name of the baseline.
        metrics: by split, "val" and "test", of those that have images.
        parameters: number of parameters that were trained, classifier included.
        seconds: of training.
        peak_memory: peak memory of training in bytes.
    """

    method: str
    metrics: dict[str, Metrics]
    parameters: int
    seconds: float
    peak_memory: int


def train_baseline(
    method: str,
    data: PathLike,
    *,
    backbone: PathLike | None = None,
    recipe: PathLike = "default",
    settings: Mapping[str, Any] | None = None,
    baseline: Mapping[str, Any] | None = None,
    seed: int | None = None,
    device: str | torch.device | None = None,
    verbose: bool = False,
    reporter: Reporter | None = None,
) -> BaselineResult:
    """Train a baseline on a data set, and score it on validation and test images.

    The training loop, the images and their order are those of `lpt.train` with the same data, seed
    and recipe, and of the rows of `lpt study`. So the scores can be compared. Nothing is written.

    Args:
        method: name of the baseline: linear-probe, full, norm, bitfit, vpt-shallow, vpt-deep,
            adapter, lora, visual-prompt, pro-tuning, lpt-norm, lpt-adapter, crt, tau-norm, paco,
            gcl, lift, ride, multitask, or a registered one (`lpt.register_baseline`).
        data, backbone, recipe, settings, seed, device, verbose, reporter: as for `lpt.train`.
        baseline: settings of the baseline that replace its own, such as {"epochs": 5, "lr": 0.01}.
            `lpt settings baseline` lists them.
    Returns: the metrics by split, and the cost of training.
    Raises: LptError naming the file or parameter, its value and a remedy.

    >>> result = lpt.train_baseline("linear-probe", "digits", baseline={"epochs": 0}, device="cpu")
    >>> result.metrics["test"].overall > 0.2  # without an epoch: the class means
    True
    """
    if baseline is not None and not isinstance(baseline, Mapping):
        raise ParameterError(
            f"`baseline`: {type(baseline).__name__} given. Give a dict of settings, such as "
            "{'epochs': 5}."
        )
    request = TrainRequest(
        data=data,
        backbone=backbone,
        recipe=recipe,
        settings=settings,
        seed=seed,
        device=device,
    )
    own = baseline_settings(method, **(baseline or {}))
    context = TrainingContext(
        request.config, choose_reporter(verbose, reporter), device=request.device_name
    )
    trained = train_in_context(method, context, own)
    metrics = {
        name: context.score(context.predict(trained.predict, split, f"score {name}", exact=True))
        for name, split in context.evaluation_splits.items()
    }
    return BaselineResult(method, metrics, trained.parameters, trained.seconds, trained.peak_memory)
