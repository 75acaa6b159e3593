"""Features and scores of one pass over a split."""

from pathlib import Path

import numpy as np
import pytest

from lpt.analysis.collect import collect
from lpt.errors import DataError
from lpt.task import Task
from lpt.training.run.run_data import data_of_run

from .samples import opened_of


def test_features_are_those_of_the_models(trained: Path) -> None:
    task = Task.load(trained, device="cpu")
    data = data_of_run(trained, task.spec.class_names)
    assert data is not None
    split = data.split("test")
    done: list[int] = []
    found = collect(task, split, batch=5, on_batch=done.append)
    assert sum(done) == len(split)
    assert max(done) == 5
    expected = task.run(split)
    assert (found.scores.chosen == expected.logits.argmax(axis=1)).all()
    assert (found.labels == expected.labels).all()
    weight = task.model.classifier.weight.detach().numpy()
    unit = found.final / np.linalg.norm(found.final, axis=1, keepdims=True)
    cosine = unit @ (weight / np.linalg.norm(weight, axis=1, keepdims=True)).T
    np.testing.assert_allclose(cosine, expected.logits, atol=1e-5)
    assert not np.allclose(found.features["plain"], found.features["phase1"])
    assert not np.allclose(found.features["phase1"], found.features["phase2"])


def test_an_empty_split_is_refused(trained: Path) -> None:
    with pytest.raises(DataError, match=r"^test: no images to analyse"):
        collect(Task.load(trained, device="cpu"), opened_of(np.zeros(0, dtype=np.int64)).images)
