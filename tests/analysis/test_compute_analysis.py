"""All analyses together, on synthetic features and scores."""

import numpy as np

from lpt.analysis.analysis_results import Analysis
from lpt.analysis.compute_analysis import compute_analysis

from .samples import analysed, collected_of, opened_of, task_of


def test_classes_without_test_images_are_left_out_everywhere(found: Analysis) -> None:
    untested = found.classes[4]
    assert (untested.test_images, untested.recall) == (0, None)
    assert all(f.classes == 4 for f in found.features)
    assert found.matching is not None
    assert 4 not in {c.class_id for c in found.matching.classes}
    assert 4 not in {image.class_id for image in found.typical}
    assert 4 not in {s.class_id for s in found.short}


def test_a_single_test_image_is_enough() -> None:
    found = analysed([30, 20], np.array([1]))
    assert found.features[0].gamma is None
    assert found.images == 1


def test_lists_hold_at_most_24_images_in_order() -> None:
    labels = np.random.default_rng(0).integers(4, size=400)
    images = collected_of(4, labels, skill=0.1)
    task, opened = task_of([300, 150, 40, 5]), opened_of(labels)
    found, confusions = compute_analysis(task, opened, images, images, None, 8.0)
    assert len(found.mistakes) == len(found.isolated) == 24
    scores = [image.score for image in found.mistakes]
    assert scores == sorted(scores, reverse=True)
    assert all(image.suggested == images.scores.chosen[image.index] for image in found.mistakes)
    assert found.confusions == confusions
    assert found.cost["seconds_per_image"] == 8.0 / 400


def test_other_data_adds_two_models_to_the_plane() -> None:
    labels = np.arange(40) % 2
    images, other = (collected_of(2, labels, seed=seed) for seed in (0, 1))
    found = compute_analysis(task_of([30, 20]), opened_of(labels), images, None, other, 1.0)[0]
    assert found.plane is not None
    assert found.plane.names == (
        "plain backbone, these images",
        "phase 1: shared prompts, these images",
        "plain backbone, source",
        "phase 1: shared prompts, source",
    )
    assert found.isolated == ()
