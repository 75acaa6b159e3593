"""Signatures of losses: which parameters are options, and how options are completed."""

import pytest
from torch import Tensor

from lpt.errors import ConfigError
from lpt.losses.loss_signature import LossEntry


def example(
    cosine: Tensor,
    labels: Tensor,
    *,
    counts: Tensor,
    power: "float",
    base: int = 2,
    noise: Tensor | None = None,
    feature: Tensor | None = None,
) -> Tensor: ...


def test_options_are_the_keyword_only_parameters_that_training_does_not_fill_in():
    entry = LossEntry(example)
    assert [option.name for option in entry.options] == ["power", "base"]
    assert [entry.takes(name) for name in ("counts", "noise", "progress")] == [True, True, False]


def test_options_are_completed_and_converted_by_their_annotations():
    assert LossEntry(example).complete("example", {"power": 3}) == {"power": 3.0, "base": 2}


def test_an_option_without_default_must_be_given():
    with pytest.raises(ConfigError, match="loss example: power"):
        LossEntry(example).complete("example", {})


def test_the_first_preset_is_the_default():
    entry = LossEntry.checked("example", example, {"a": {"power": 1.0}, "b": {"power": 2.0}})
    assert entry.complete("example", {})["power"] == 1.0
    assert entry.complete("example", {"preset": "b", "base": 5}) == {"power": 2.0, "base": 5}
