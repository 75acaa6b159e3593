"""A task called as a pipeline of transformers, and as a model of timm."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lpt import load
from lpt.errors import ParameterError

GOLDEN = Path(__file__).parents[1] / "golden" / "v0_1"
SEVEN, NINE = (GOLDEN / "images" / f"{n}.png" for n in (7, 9))


@pytest.fixture(scope="module")
def task():
    return load(GOLDEN / "run", device="cpu")


def test_one_image_gives_labels_and_several_give_lists_of_labels(task):
    one = task(SEVEN, top_k=2)
    assert [set(entry) for entry in one] == [{"label", "score"}] * 2
    assert one[0]["label"] == "7"
    assert one[0]["score"] > one[1]["score"]
    assert task(Image.open(SEVEN), top_k=2) == one
    assert task(str(SEVEN), top_k=2) == one
    several = task([SEVEN, NINE], top_k=2)
    assert len(several) == 2
    assert several[0][0]["label"] == "7"
    assert len(task([SEVEN], top_k=1)) == len(task([SEVEN], top_k=1)[0]) == 1  # a list of one
    assert sum(entry["score"] for entry in task(SEVEN, top_k=None)) == pytest.approx(1)
    assert task([]) == []
    with pytest.raises(ParameterError, match="top_k 0"):
        task(SEVEN, top_k=0)


def test_labels_by_index_and_back(task):
    assert task.id2label[7] == "7"
    assert task.label2id == {str(n): n for n in range(10)}


def test_the_module_gives_the_probabilities_of_the_task(task):
    module = task.as_module()
    pixels = torch.stack(
        [task.transform(Image.open(path).convert("RGB")) for path in (SEVEN, NINE)]
    )
    found = module(pixels).softmax(1).numpy()
    assert np.allclose(found, task.predict_proba([SEVEN, NINE]), atol=1e-6)
    assert module.num_classes == 10
    assert not module.training


def test_the_module_keeps_the_class_frequencies_of_the_task(task):
    rare = task.with_prior({"7": 1, "5": 99})
    pixels = rare.transform(Image.open(SEVEN).convert("RGB")).unsqueeze(0)
    found = rare.as_module()(pixels).softmax(1).numpy()
    assert np.allclose(found, rare.predict_proba(SEVEN), atol=1e-6)
    assert not np.allclose(found, task.predict_proba(SEVEN), atol=0.1)


def test_the_transform_that_timm_makes_from_the_module_is_that_of_the_task(task):
    from timm.data import create_transform, resolve_model_data_config

    module = task.as_module()
    made = create_transform(**resolve_model_data_config(module), is_training=False)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 130, 3), dtype=np.uint8))
    assert torch.allclose(made(photo), task.transform(photo), atol=0.02)
