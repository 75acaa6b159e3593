"""Run a model over a split."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor

from lpt.errors import LptError
from lpt.records import Batch, Output, Predictions

__all__ = ["predict"]


def predict(
    model: Callable[[Tensor], Output],
    batches: Iterable[Batch],
    *,
    device: torch.device | str = "cpu",
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    on_batch: Callable[[int], None] | None = None,
) -> Predictions:
    """Collect a model's predictions for all batches, in order, without gradients.

    Args:
        model: images (B, 3, H, H) -> Output; in eval mode.
        batches: for example `lpt.data.loading.make_loader(dataset, EvalBatches(...))`.
        device: where the model is; images are moved there.
        autocast: returns the precision context of each forward pass.
        on_batch: called with the number of images after each batch, to report progress.
    Returns: predictions on the CPU: float32 logits (n, C), labels (n,), ids (n, T) of the matched
        group prompts if the model matches any.
    Raises: LptError if a logit is not finite, which no answer could be read from.
    """
    logits: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    matched: list[np.ndarray] = []
    with torch.inference_mode():
        for batch in batches:
            with autocast():
                output = model(batch.images.to(device, non_blocking=True))
            logits.append(output.logits.float().cpu().numpy())
            if not np.isfinite(logits[-1]).all():
                raise LptError(
                    "The model gives numbers that are not finite: its weights, or those of its "
                    "backbone, are damaged. Obtain them again."
                )
            labels.append(batch.labels.numpy())
            if output.match is not None:
                matched.append(output.match.ids.cpu().numpy())
            if on_batch is not None:
                on_batch(len(batch.labels))
    return Predictions(
        np.concatenate(logits), np.concatenate(labels), np.concatenate(matched) if matched else None
    )
