"""After a phase, the classifier is interpolated with the class means of the trained features."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from lpt.backbones import FrozenViT
from lpt.model.classifier import class_means
from lpt.training.engine.checkpoint import load_trainable

from ...tiny import config, opened


def cosines_to_means(weight: float, phase: int, photos: Path, backbone: FrozenViT, run: Path):
    """Return the cosines (C,) of a phase's final class weights with the class means."""
    settings = config(photos, classifier__mean_weight=weight, phase2__epochs=phase - 1)
    with opened(settings, run, backbone) as trainer:
        trainer.run()
        name = f"phase{phase}"
        selected = trainer.folder.load_best(f"{name}-selected")
        load_trainable(trainer.model, selected, run)
        stage, context = trainer.stage(trainer.phases[phase - 1]).eval(), trainer.context
        split = context.some_of_each_class(100)
        features = context.features(lambda images: stage.predict(images).feature, split, "means")
    means = class_means(features, torch.from_numpy(split.labels), context.data.num_classes)
    return F.cosine_similarity(selected["classifier.weight"], means)


@pytest.mark.parametrize("phase", [1, 2])
def test_a_larger_weight_ends_nearer_to_the_class_means(
    phase: int, photos: Path, backbone: FrozenViT, tmp_path: Path
) -> None:
    none, half, all_of_it = (
        cosines_to_means(weight, phase, photos, backbone, tmp_path / f"{weight}")
        for weight in (0.0, 0.5, 1.0)
    )
    torch.testing.assert_close(all_of_it, torch.ones(len(none)), atol=1e-4, rtol=0)
    assert (half > none).all()
    assert (half < 0.99999).any()
