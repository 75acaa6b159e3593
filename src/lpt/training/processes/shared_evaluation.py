"""Predictions and features that several processes compute together, each some of the batches.

Batches are those of a single process, so on equal machines the numbers are the same bits.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from safetensors.numpy import load, save
from torch import Tensor

from lpt.data.manifest import Split
from lpt.machine.group.process_group import ProcessGroup
from lpt.records import Output, Predictions
from lpt.training.run.training_context import EVAL_BATCH, TrainingContext

__all__ = ["share_of_images", "shared_features", "shared_predictions", "shared_validation"]

_MATCHED, _LOGITS = "matched", "logits"


def share_of_images(group: ProcessGroup, images: int, batch: int = EVAL_BATCH) -> range:
    """Return the images of a process: whole batches, except for the last.

    >>> from lpt.machine.group.process_group import ALONE
    >>> share_of_images(ALONE, 100)
    range(0, 100)
    """
    batches = group.share(-(-images // batch))
    return range(batches.start * batch, min(images, batches.stop * batch))


def shared_predictions(
    context: TrainingContext,
    model: Callable[[Tensor], Output],
    split: Split,
    task: str = "",
    *,
    exact: bool = False,
) -> Predictions | None:
    """Run a model over a split in all processes (arguments of `TrainingContext.predict`).

    Returns: the predictions in process 0, in the order of the split; None in the others.
    """
    group = context.group
    if group.size == 1:
        return context.predict(model, split, task, exact=exact)
    own, part = share_of_images(group, len(split)), dict[str, np.ndarray]()
    if own:
        found = context.predict(model, split.take(np.array(own)), task, exact=exact)
        part = {_LOGITS: found.logits}
        if found.matched is not None:
            part[_MATCHED] = found.matched
    parts = [load(data) for data in group.to_main(save(part))]
    if not group.is_main:
        return None
    whole = {name: np.concatenate([p[name] for p in parts if name in p]) for name in parts[0]}
    return Predictions(whole[_LOGITS], split.labels, whole.get(_MATCHED))


def shared_validation(
    context: TrainingContext, model: Callable[[Tensor], Output]
) -> Mapping[str, float | None] | None:
    """Summarise a model on the validation images of an epoch; None if there are none."""
    split = context.validation
    if split is None:
        return None
    found = shared_predictions(context, model, split)
    summary: Mapping[str, float | None] = context.group.decided(
        lambda: None if found is None else dict(context.score(found).summary())
    )
    return summary


def shared_features(
    context: TrainingContext,
    encode: Callable[[Tensor], Tensor],
    split: Split,
    task: str,
) -> Float[Tensor, "n D"]:
    """Compute features in all processes (arguments of `TrainingContext.features`).

    Returns: all of them, in every process.
    """
    group = context.group
    if group.size == 1:
        return context.features(encode, split, task)
    own, part = share_of_images(group, len(split)), dict[str, np.ndarray]()
    if own:
        rows = context.features(encode, split.take(np.array(own)), task)
        part = {"rows": rows.numpy()}
    parts = [load(data) for data in group.to_main(save(part))]
    whole = group.tensors_of_main(
        lambda: {"rows": torch.from_numpy(np.concatenate([p["rows"] for p in parts if p]))}
    )
    return whole["rows"]
