"""Losses by name: options reach the function, mistakes are named."""

import pytest
import torch
from tests.losses.example_losses import EXAMPLES, registered

from lpt.errors import ConfigError
from lpt.losses import LOSSES, build_loss, check_loss, loss_names, register_loss
from lpt.records import Progress

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
        "gcl-drw",
        "agcl",
    }


def test_only_clouded_losses_need_noise() -> None:
    needing = {name for name in loss_names() if build_loss(name, COUNTS).needs_noise}
    assert needing == {"gcl", "gcl-drw", "agcl"}


def test_agcl_defaults_to_the_released_preset() -> None:
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


# --- losses from outside ----------------------------------------------------------------------


@pytest.fixture
def examples():
    with registered():
        yield


@pytest.mark.usefixtures("examples")
def test_registered_losses_are_listed_last():
    assert loss_names()[-2:] == tuple(EXAMPLES)
    assert check_loss("warming-focal", {"gamma": 3}) == {"scale": 20.0, "gamma": 3.0}


@pytest.mark.usefixtures("examples")
def test_the_epoch_reaches_a_loss_that_takes_it():
    """Focal with exponent 0 at the first epoch, which is cross-entropy, and gamma at the last."""
    loss = build_loss("warming-focal", COUNTS, gamma=1.5)
    assert (loss.needs_progress, loss.needs_feature, loss.needs_noise) == (True, False, False)
    cosine, labels = torch.tensor([[0.5, 0.4, 0.3]]), torch.tensor([0])
    for epoch, same in ((0, build_loss("ce", COUNTS)), (3, build_loss("focal", COUNTS, gamma=1.5))):
        found = loss(cosine, labels, progress=Progress(epoch, 4))
        torch.testing.assert_close(found, same(cosine, labels))


@pytest.mark.usefixtures("examples")
def test_the_feature_reaches_a_loss_that_takes_it():
    loss = build_loss("short-features", COUNTS, weight=1.0)
    assert (loss.needs_progress, loss.needs_feature) == (False, True)
    cosine, labels = torch.zeros(2, 3), torch.tensor([1, 2])
    plain = build_loss("ce", COUNTS)(cosine, labels)
    found = loss(cosine, labels, feature=torch.full((2, 4), 2.0))
    torch.testing.assert_close(found - plain, torch.tensor([0.4, 4.0]))


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize(
    ("name", "missing"), [("warming-focal", "progress"), ("short-features", "feature")]
)
def test_a_loss_without_what_it_needs_names_it(name, missing):
    with pytest.raises(ValueError, match=f"loss {name} needs {missing}"):
        build_loss(name, COUNTS)(torch.zeros(1, 3), torch.tensor([0]))


def indifferent(cosine, labels, *, progress=None):
    return cosine[:, 0] * (2 if progress is None else progress.epoch)


def test_what_has_a_default_may_be_left_out():
    register_loss("indifferent", indifferent)
    try:
        loss = build_loss("indifferent", COUNTS)
    finally:
        LOSSES.unregister("indifferent")
    cosine, labels = torch.ones(1, 3), torch.tensor([0])
    assert loss(cosine, labels).item() == 2
    assert loss(cosine, labels, progress=Progress(5, 9)).item() == 5


def untyped(cosine, labels, *, gamma=2.0): ...


def other_order(labels, *, gamma: float = 2.0): ...


def variadic(cosine, labels, **options): ...


def positional_option(cosine, labels, gamma: float = 2.0): ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (untyped, ["gamma", "gamma: float"]),
        (other_order, ["(labels)", "(cosine, labels, counts)"]),
        (variadic, ["options", "keyword"]),
        (positional_option, ["gamma", "keyword"]),
        (lambda: None, ["()", "(cosine, labels)"]),
    ],
)
def test_a_signature_that_cannot_be_is_refused_when_it_is_registered(function, words):
    with pytest.raises(ConfigError, match=r"^loss mine: ") as raised:
        register_loss("mine", function)
    assert all(word in str(raised.value) for word in words), str(raised.value)
    assert "mine" not in LOSSES


def test_a_preset_that_cannot_be_is_refused_when_it_is_registered():
    with pytest.raises(ConfigError, match=r"gamma = -1.0 is invalid"):
        register_loss("mine", EXAMPLES["warming-focal"], presets={"hard": {"gamma": -1.0}})
    assert "mine" not in LOSSES


def test_a_name_of_ours_cannot_be_replaced():
    with pytest.raises(ConfigError, match="exists already"):
        register_loss("ce", EXAMPLES["warming-focal"], replace=True)


def test_a_loss_is_checked_without_counts_and_options_are_completed():
    assert check_loss("focal", {"gamma": 1}) == {"scale": 20.0, "gamma": 1.0}
    assert check_loss("agcl", {})["margin"] == 0.1
    with pytest.raises(ConfigError, match="unknown option 'gama'"):
        check_loss("focal", {"gama": 1})
