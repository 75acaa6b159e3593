"""One pass gives the predictions of `predict_each` and the features of `embed`."""

import numpy as np
import pytest

from lpt import load
from lpt.errors import DataError, ParameterError
from lpt.task.predict_with_features import predict_with_features

from ..tiny import SETTINGS, write_backbone, write_photos


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    from lpt.api import train

    root = tmp_path_factory.mktemp("features")
    settings = {**SETTINGS, "phase1.epochs": 0, "phase2.epochs": 0}
    vit = write_backbone(root / "vit.safetensors")
    train(write_photos(root / "photos"), backbone=vit, out=root / "run", settings=settings)
    return root


def test_both_are_those_of_their_own_functions(place):
    task = load(place / "run", device="cpu")
    paths = [*sorted((place / "photos" / "ant").iterdir())[:5]]
    found = list(predict_with_features(task, paths, top=2, chunk=5))
    assert [one for one, _ in found] == task.predict(paths, top=2)
    assert np.array_equal(np.stack([feature for _, feature in found]), task.embed(paths))


def test_an_image_that_cannot_be_read_is_an_error_in_its_place(place):
    task = load(place / "run", device="cpu")
    good = next((place / "photos" / "ant").iterdir())
    first, bad, last = predict_with_features(task, [good, place / "none.png", good])
    assert isinstance(bad, DataError)
    assert first[0].labels == last[0].labels
    with pytest.raises(ParameterError):
        next(predict_with_features(task, [good], top=0))
