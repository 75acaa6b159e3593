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
from lpt.data.sampling import random_stream
from lpt.evaluation.inference import predict
from lpt.evaluation.tta import ensembled, expansion
from lpt.records import Output, Predictions
from lpt.studies.plan.study_data import Shifted
from lpt.training.run.context import EVAL_BATCH, Workbench

__all__ = ["Observed", "feature_scores", "observe", "over_five_crops", "shifted_right"]

MOST_BANK = 20_000
"""Training images that K-NN compares with; of more a random part, in their own frequencies."""

Model = Callable[[Tensor], Output]


@dataclass(frozen=True)
class Observed:
    """Predictions of a split, and the class tokens that the classifier saw: (n, D)."""

    predictions: Predictions
    features: npt.NDArray[np.float32]


def observe(bench: Workbench, model: Model, split: Split, task: str) -> Observed:
    """Run a model once over a split, in float32 whatever the precision of training."""
    features: list[npt.NDArray[np.float32]] = []

    def keeping(images: Tensor) -> Output:
        output = model(images)
        features.append(output.feature.float().cpu().numpy())
        return output

    predictions = bench.predict(keeping, split, task, exact=True)
    return Observed(predictions, np.concatenate(features))


def over_five_crops(bench: Workbench, model: Model, split: Split) -> Predictions:
    """What the mean over five crops says of a split (`lpt.evaluation.tta`)."""
    over = ensembled(model, expansion(bench.backbone.spec.patch_size))
    return bench.predict(over, split, "five crops of scored images", exact=True)


def feature_scores(bench: Workbench, model: Model, scored: Observed) -> dict[str, float | None]:
    """gamma, inner and inter-class distance of scored images, K-NN among training images by group.

    Source: LPT (ICLR 2023), tables 2 and 13.
    """
    classes, counts = bench.data.num_classes, bench.counts.numpy()
    labels = scored.predictions.labels
    spread = compactness(scored.features, labels, classes)
    bank = bench.train_split
    if len(bank) > MOST_BANK:
        part = random_stream(0, 22).permutation(len(bank))[:MOST_BANK]
        bank = bank.take(np.sort(part))
    known = observe(bench, model, bank, "features of training images")
    knn = knn_by_group(
        known.features,
        bank.labels,
        scored.features,
        labels,
        bench.groups.members(counts),
        classes,
    )
    return {
        "gamma": None if spread is None else spread.gamma,
        "inner": None if spread is None else spread.inner,
        "inter": None if spread is None else spread.inter,
        "knn": knn.pop("overall"),
        **{f"knn_{group}": share for group, share in knn.items()},
    }


def shifted_right(bench: Workbench, model: Model, shifted: Shifted) -> npt.NDArray[np.bool_]:
    """(n,) whether each image of a shifted set is told right among the set's classes."""
    found, spec = shifted.images, bench.backbone.spec
    view = eval_transform(
        spec.image_size,
        spec.mean,
        spec.std,
        resize=bench.resize,
        rule=bench.config.augment.resize_rule,
        interpolation=spec.interpolation,
        border=found.border,
        corruption=shifted.corruption,
    )
    batches = make_loader(
        ImageDataset(found.split, view),
        EvalBatches(len(found.split), EVAL_BATCH),
        workers=bench.workers,
        start_method=bench.config.data.start_method,
    )
    bench.reporter.begin(found.name, len(found.split), unit="images")
    said = predict(model, batches, device=bench.accelerator.device, on_batch=bench.reporter.advance)
    bench.reporter.end()
    right: npt.NDArray[np.bool_] = found.restrict(said.logits).argmax(1) == said.labels
    return right
