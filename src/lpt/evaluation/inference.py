"""Run a model over a split."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor

from lpt.records import Batch, Output, Predictions

__all__ = ["predict"]


def predict(
    model: Callable[[Tensor], Output],
    batches: Iterable[Batch],
    *,
    device: torch.device | str = "cpu",
    autocast: Callable[[], AbstractContextManager[object]] = nullcontext,
    on_batch: Callable[[int], None] = lambda _: None,
) -> Predictions:
    """Collect what a model says of every batch, in order, without gradient.

    Args:
        model: images (B, 3, H, H) -> Output; in eval mode.
        batches: such as `lpt.data.loading.make_loader(dataset, EvalBatches(...))` yields.
        autocast: makes the precision context of each forward pass.
        on_batch: told the number of images of each batch when it is done, for progress.
    """
    logits: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    matched: list[np.ndarray] = []
    with torch.inference_mode():
        for batch in batches:
            with autocast():
                output = model(batch.images.to(device, non_blocking=True))
            logits.append(output.logits.float().cpu().numpy())
            labels.append(batch.labels.numpy())
            if output.match is not None:
                matched.append(output.match.ids.cpu().numpy())
            on_batch(len(batch.labels))
    return Predictions(
        np.concatenate(logits), np.concatenate(labels), np.concatenate(matched) if matched else None
    )
