"""Early matching is fitted to the queries of training images once phase 2 is trained."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from lpt.model.early_fit import fit_ridge, smallest_margin
from lpt.model.early_match import EarlyMatch, margins_of
from lpt.model.two_pass import LongTailedPromptModel
from lpt.progress import percent, plural
from lpt.records import Output
from lpt.task_records import EarlyRecord
from lpt.training.processes.shared_evaluation import shared_features
from lpt.training.run.training_context import TrainingContext

__all__ = ["chosen_matching", "distil_matching"]

AGREEMENT = 0.95
"""Of "auto" with matching by the query, on images that the map was not fitted to."""

RIDGE = 0.01
SET_ASIDE = 5
"""Every fifth image is not fitted to."""

NEVER_CLEAR = 1e6
"""Margin of a map that nothing is known about: "auto" computes all queries."""


def chosen_matching(
    model: LongTailedPromptModel, context: TrainingContext
) -> tuple[Callable[[Tensor], Output], EarlyRecord | None]:
    """Return how a trained model predicts by `prompts.match`, and what was measured of its map.

    Args:
        model: its `phases` says which phases are trained.
    """
    match = context.config.prompts.match
    if model.phases == 1 or match == "exact":
        return model.predict, None
    early = distil_matching(model, context)
    return partial(model.predict, early_margin=early.margin_for(match)), early


def distil_matching(model: LongTailedPromptModel, context: TrainingContext) -> EarlyRecord:
    """Fit the map of early matching to the images of the class means, and set it in the model.

    The map estimates the cosine of the query with each key from the tokens after block K. It is
    fitted in closed form without random numbers. Computations are in float32, as in use.

    Args:
        model: trained in both phases.
    Returns: the margin for "auto", and what was measured on images that were set aside.
    """
    split = context.some_of_each_class(context.config.classifier.init_images_per_class)

    def observed(images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):
            shared = model.shared_parts()
            prefix = model.prefix(images, shared)
            features = model.early_features(prefix.tokens, shared)
            return torch.cat([features, model.pool.similarity(prefix.query)], dim=1)

    both = shared_features(context, observed, split, "early matching")
    width, top = both.shape[1] - model.pool.size, model.shape.top_k
    aside = torch.arange(len(both)) % SET_ASIDE == SET_ASIDE - 1
    fitted = both[~aside]
    weight, bias = fit_ridge(fitted[:, :width], fitted[:, width:], RIDGE)
    model.early = EarlyMatch.of(weight, bias).to(context.accelerator.device)
    seen = both[aside]
    record = _measured(seen[:, :width] @ weight.T + bias, seen[:, width:], top)
    context.reporter.message(
        f"matching  early has the prompts of the query for {percent(record.agreement)} % of "
        f"{plural(record.images, 'training image')}; auto for {percent(record.auto_agreement)} %, "
        f"computing the query of {percent(record.auto_queries)} %"
    )
    return record


def _measured(estimate: Tensor, exact: Tensor, top: int) -> EarlyRecord:
    """Compare the prompts chosen by estimated and by exact cosines."""
    images = len(estimate)
    if not images:
        return EarlyRecord(
            margin=NEVER_CLEAR, images=0, agreement=0, auto_agreement=1, auto_queries=1
        )
    chosen, wanted = (both.topk(top, dim=1).indices.sort(1).values for both in (estimate, exact))
    agrees, margins = (chosen == wanted).all(1), margins_of(estimate, top)
    margin = smallest_margin(margins, agrees, AGREEMENT)
    queried = margins < margin
    return EarlyRecord(
        margin=margin,
        images=images,
        agreement=float(agrees.double().mean()),
        auto_agreement=float((agrees | queried).double().mean()),
        auto_queries=float(queried.double().mean()),
    )
