"""Evaluation of a trained model: predictions, class-token features, shifted sets."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from lpt.analysis.features import compactness, knn_by_group
from lpt.data.manifest import Split
from lpt.evaluation.tta import expansion, with_tta
from lpt.random_streams import Stream, random_stream
from lpt.records import Output, Predictions
from lpt.studies.plan.study_data import Shifted
from lpt.training.run.training_context import TrainingContext

__all__ = ["Observed", "feature_scores", "observe", "predict_tta", "shifted_right"]

MOST_BANK = 20_000
"""Most training images that K-NN compares with; of more, a random subset."""

Model = Callable[[Tensor], Output]


@dataclass(frozen=True)
class Observed:
    """Predictions for a split, and the class tokens that the classifier received: (n, D)."""

    predictions: Predictions
    features: npt.NDArray[np.float32]


def observe(context: TrainingContext, model: Model, split: Split, task: str) -> Observed:
    """Run a model over a split once, in float32 whatever the precision of training."""
    features: list[npt.NDArray[np.float32]] = []

    def recorded(images: Tensor) -> Output:
        output = model(images)
        features.append(output.feature.float().cpu().numpy())
        return output

    predictions = context.predict(recorded, split, task, exact=True)
    return Observed(predictions, np.concatenate(features))


def predict_tta(context: TrainingContext, model: Model, split: Split) -> Predictions:
    """Predict a split with test-time augmentation (`lpt.evaluation.tta`)."""
    augmented = with_tta(model, expansion(context.backbone.spec.patch_size))
    return context.predict(augmented, split, "scored images, test-time augmentation", exact=True)


def feature_scores(
    context: TrainingContext, model: Model, scored: Observed
) -> dict[str, float | None]:
    """Return gamma, inner- and inter-class distance of scored images, and K-NN accuracies.

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
    """Return (n,) whether each image of a shifted set is right among the classes of its set."""
    found = shifted.images
    transform = context.eval_transform_with(found.border, shifted.corruption)
    predicted = context.predict(model, found.split, found.name, exact=True, transform=transform)
    right: npt.NDArray[np.bool_] = found.restrict(predicted.logits).argmax(1) == predicted.labels
    return right
