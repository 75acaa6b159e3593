"""The most probable classes of images."""

import numpy as np
import torch

from lpt.task.prediction import Prediction, most_probable

PROBABILITIES = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]])


def test_classes_come_by_probability_with_their_prompts():
    matched = np.array([[3, 1], [0, 2]])
    first, second = most_probable(["a.png", "b.png"], PROBABILITIES, matched, "xyz", 2)
    assert first.labels == ("y", "z")
    assert first.probabilities == tuple(PROBABILITIES[0, [1, 2]].tolist())
    assert (second.path, second.labels, second.matched) == ("b.png", ("x", "z"), (0, 2))


def test_more_classes_than_there_are_give_all():
    (found, _) = most_probable(["a", "b"], PROBABILITIES, None, "xyz", 9)
    assert len(found.labels) == 3
    assert found.matched == ()


def test_as_text_it_is_one_line():
    assert str(Prediction("a.png", ("x", "y"), (0.9, 0.05), ())) == "a.png  x 90.0%  y 5.0%"
