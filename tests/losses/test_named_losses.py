"""Losses by name: options reach the function, mistakes are named."""

import pytest
import torch

from lpt.errors import ConfigError
from lpt.losses import build_loss, loss_names

COUNTS = torch.tensor([100, 10, 1])


def test_names_are_those_of_the_documentation() -> None:
    assert set(loss_names()) == {
        "ce",
        "focal",
        "ldam",
        "balanced-softmax",
        "logit-adjustment",
        "class-balanced",
        "gcl",
        "agcl",
    }


def test_only_clouded_losses_need_noise() -> None:
    needing = {name for name in loss_names() if build_loss(name, COUNTS).needs_noise}
    assert needing == {"gcl", "agcl"}


def test_agcl_is_the_released_preset_unless_told() -> None:
    assert build_loss("agcl", COUNTS).options["margin"] == 0.1
    assert build_loss("agcl", COUNTS, preset="paper").options["label_smoothing"] is None


def test_an_option_overrides_its_preset() -> None:
    loss = build_loss("agcl", COUNTS, preset="paper", lambda_neg=2, label_smoothing=0.2)
    assert loss.options["lambda_neg"] == 2
    assert loss.options["label_smoothing"] == 0.2
    assert loss.options["normalise_shift"] is False


def test_changed_options_leave_the_original_alone() -> None:
    loss = build_loss("agcl", COUNTS, preset="paper")
    changed = loss.with_options(lambda_pos=0.5)
    assert changed.options == {**loss.options, "lambda_pos": 0.5}
    assert loss.options["lambda_pos"] == 0


def test_a_preset_changes_all_options() -> None:
    loss = build_loss("agcl", COUNTS, lambda_pos=0.5).with_options(preset="paper", lambda_neg=2.0)
    assert loss.options == build_loss("agcl", COUNTS, preset="paper", lambda_neg=2.0).options


def test_counts_move_with_the_module_but_are_not_saved() -> None:
    loss = build_loss("ldam", COUNTS)
    assert isinstance(loss, torch.nn.Module)
    assert loss.to("meta").counts.device.type == "meta"
    assert not loss.state_dict()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("agc", {}, ["agc", "agcl", "ldam"]),
        ("agcl", {"lamda_pos": 1}, ["lamda_pos", "lambda_pos", "preset"]),
        ("agcl", {"preset": "mine"}, ["mine", "released", "paper"]),
        ("ce", {"preset": "paper"}, ["preset", "scale"]),
        ("ce", {"noise": 1}, ["noise", "scale"]),
        ("ce", {"scale": 0}, ["scale", "0"]),
        ("ce", {"scale": float("inf")}, ["scale", "inf"]),
        ("ce", {"scale": "much"}, ["scale", "much"]),
        ("class-balanced", {"beta": 1.0}, ["beta", "1.0"]),
        ("agcl", {"label_smoothing": 2}, ["label_smoothing", "2"]),
        ("gcl", {"normalise_shift": "perhaps"}, ["normalise_shift", "perhaps"]),
    ],
)
def test_mistakes_are_named_in_one_line(name: str, options: dict, words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        build_loss(name, COUNTS, **options)
    message = str(raised.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


@pytest.mark.parametrize(
    "counts", [torch.tensor([0, 0]), torch.tensor([1, -1]), torch.ones(2), torch.ones(1, 2).long()]
)
def test_counts_that_cannot_be_are_refused(counts: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match=r"^loss: "):
        build_loss("ce", counts)
