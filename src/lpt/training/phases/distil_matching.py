"""Early matching is fitted to the queries of training images once phase 2 is trained."""

import torch
from torch import Tensor

from lpt.model.early_fit import fit_ridge, smallest_margin
from lpt.model.early_match import EarlyMatch, choose_nearest, early_features
from lpt.model.two_pass import LongTailedPromptModel
from lpt.progress import percent
from lpt.task_records import EarlyRecord
from lpt.training.processes.shared_evaluation import shared_features
from lpt.training.run.training_context import TrainingContext

__all__ = ["distil_matching"]

AGREEMENT = 0.95
"""Of "auto" with matching by the query, on images that the map was not fitted to."""

RIDGE = 0.01
SET_ASIDE = 5
"""Every fifth image is not fitted to."""


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
        prefix = model.prefix(images)
        similarity = model.pool.similarity(prefix.query)
        return torch.cat([early_features(prefix.tokens.float()), similarity], dim=1)

    both = shared_features(context, observed, split, "early matching", exact=True)
    width, top = 2 * model.backbone.width, model.shape.top_k
    aside = torch.arange(len(both)) % SET_ASIDE == SET_ASIDE - 1
    fitted = both[~aside]
    weight, bias = fit_ridge(fitted[:, :width], fitted[:, width:], RIDGE)
    model.early = EarlyMatch.of(weight, bias).to(context.accelerator.device)
    seen = both[aside]
    record = _measured(seen[:, :width] @ weight.T + bias, seen[:, width:], top)
    context.reporter.message(
        f"matching  early: {percent(record.agreement)} % as exact; auto: "
        f"{percent(record.auto_agreement)} %, {percent(record.auto_queries)} % of images need "
        "their query"
    )
    return record


def _measured(estimate: Tensor, exact: Tensor, top: int) -> EarlyRecord:
    """Compare the prompts chosen by estimated and by exact cosines."""
    images = len(estimate)
    if not images:
        return EarlyRecord(margin=0, images=0, agreement=0, auto_agreement=0, auto_queries=0)
    chosen = choose_nearest(estimate, top, 0.0)
    wanted = exact.topk(top, dim=1).indices
    agrees = (chosen.ids.sort(1).values == wanted.sort(1).values).all(1)
    best = estimate.topk(min(top + 1, estimate.shape[1]), dim=1).values
    if best.shape[1] == top:
        margins = torch.full((images,), float("inf"))
    else:
        margins = best[:, top - 1] - best[:, top]
    margin = smallest_margin(margins, agrees, AGREEMENT)
    queried = margins < margin
    return EarlyRecord(
        margin=margin,
        images=images,
        agreement=float(agrees.double().mean()),
        auto_agreement=float((agrees | queried).double().mean()),
        auto_queries=float(queried.double().mean()),
    )
