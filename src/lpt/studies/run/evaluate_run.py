"""What a trained model is worth: answers on scored images, class-token features, shifted sets."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from lpt.analysis.features import compactness, knn_by_group
from lpt.data.images.transforms import eval_transform
from lpt.data.loading import EvalBatches, ImageDataset, make_loader
from lpt.data.manifest import Split
from lpt.evaluation.inference import predict
from lpt.evaluation.tta import expansion, with_tta
from lpt.random_streams import Stream, random_stream
from lpt.records import Output, Predictions
from lpt.studies.plan.study_data import Shifted
from lpt.training.run.training_context import EVAL_BATCH, TrainingContext

__all__ = ["Observed", "feature_scores", "observe", "over_five_crops", "shifted_right"]

MOST_BANK = 20_000
"""Training images that K-NN compares with; of more a random part, in their own frequencies."""

Model = Callable[[Tensor], Output]


@dataclass(frozen=True)
class Observed:
    """Predictions of a split, and the class tokens that the classifier saw: (n, D)."""

    predictions: Predictions
    features: npt.NDArray[np.float32]


def observe(context: TrainingContext, model: Model, split: Split, task: str) -> Observed:
    """Run a model once over a split, in float32 whatever the precision of training."""
    features: list[npt.NDArray[np.float32]] = []

    def keeping(images: Tensor) -> Output:
        output = model(images)
        features.append(output.feature.float().cpu().numpy())
        return output

    predictions = context.predict(keeping, split, task, exact=True)
    return Observed(predictions, np.concatenate(features))


def over_five_crops(context: TrainingContext, model: Model, split: Split) -> Predictions:
    """What the mean over five crops says of a split (`lpt.evaluation.tta`)."""
    over = with_tta(model, expansion(context.backbone.spec.patch_size))
    return context.predict(over, split, "five crops of scored images", exact=True)


def feature_scores(
    context: TrainingContext, model: Model, scored: Observed
) -> dict[str, float | None]:
    """gamma, inner and inter-class distance of scored images, K-NN among training images by group.

    Source: LPT (ICLR 2023), tables 2 and 13.
    """
    classes, counts = context.data.num_classes, context.counts.numpy()
    labels = scored.predictions.labels
    spread = compactness(scored.features, labels, classes)
    bank = context.train_split
    if len(bank) > MOST_BANK:
        part = random_stream(0, Stream.KNN_BANK).permutation(len(bank))[:MOST_BANK]
        bank = bank.take(np.sort(part))
    known = observe(context, model, bank, "features of training images")
    knn = knn_by_group(
        known.features,
        bank.labels,
        scored.features,
        labels,
        context.groups.members(counts),
        classes,
    )
    return {
        "gamma": None if spread is None else spread.gamma,
        "inner": None if spread is None else spread.inner,
        "inter": None if spread is None else spread.inter,
        "knn": knn.pop("overall"),
        **{f"knn_{group}": share for group, share in knn.items()},
    }


def shifted_right(
    context: TrainingContext, model: Model, shifted: Shifted
) -> npt.NDArray[np.bool_]:
    """(n,) whether each image of a shifted set is told right among the set's classes."""
    found, spec = shifted.images, context.backbone.spec
    view = eval_transform(
        spec.image_size,
        spec.mean,
        spec.std,
        resize=context.resize,
        rule=context.config.augment.resize_rule,
        interpolation=spec.interpolation,
        border=found.border,
        corruption=shifted.corruption,
    )
    batches = make_loader(
        ImageDataset(found.split, view),
        EvalBatches(len(found.split), EVAL_BATCH),
        workers=context.workers,
        start_method=context.config.data.start_method,
    )
    context.reporter.begin(found.name, len(found.split), unit="images")
    said = predict(
        model, batches, device=context.accelerator.device, on_batch=context.reporter.advance
    )
    context.reporter.end()
    right: npt.NDArray[np.bool_] = found.restrict(said.logits).argmax(1) == said.labels
    return right
