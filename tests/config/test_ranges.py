"""Every number of every section has a smallest and a largest value, and text can be stored."""

import math
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import annotated_types
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lpt.baselines import BaselineSettings, baseline_names
from lpt.baselines.named_baselines import BASELINES
from lpt.config import RunConfig, load_config, parse_settings
from lpt.config.validation import validated
from lpt.errors import ConfigError
from lpt.losses import loss_names
from lpt.losses.named_losses import LOSSES, check_loss

EXTREMES = (
    *(0, -1, 2, 2**31, 2**32, 2**63, 10**400, -(10**5000)),
    *(1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf, 1.0 - 2**-53, 1e-30),
)


def parts(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[Any, list[Any]]]:
    """Yield every plain type of an annotation with the constraints that apply to it."""
    inner = get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        yield from parts(inner[0], (*metadata, *annotation.__metadata__))
    elif inner:
        for one in inner:
            yield from parts(one, metadata)
    else:
        found = list(metadata)
        for one in metadata:
            found += one.metadata if isinstance(one, FieldInfo) else []
        yield annotation, found


def numbers(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Yield every numeric setting of a model by dotted name, with its constraints."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from numbers(kind, f"{prefix}{name}.")
            continue
        if get_origin(kind) is dict:  # options: those of a loss, or of a baseline
            continue
        for plain, constraints in parts(kind, tuple(field.metadata)):
            if plain in (int, float):
                yield f"{prefix}{name}", constraints


RUN = dict(numbers(RunConfig))
MODELS = {
    "a run": RunConfig,
    "a baseline": BaselineSettings,
    **{f"baseline {name}": BASELINES[name].options for name in baseline_names()},
    **{f"loss {name}": LOSSES[name].schema for name in loss_names()},
}
NUMBERS = [
    pytest.param(constraints, id=f"{owner}: {name}")
    for owner, model in MODELS.items()
    for name, constraints in numbers(model)
]


def test_the_settings_are_enumerated():
    assert len(RUN) > 45
    assert {"seed", "augment.mixup", "phase2.optim.key_lr", "data.workers"} <= RUN.keys()
    assert len(NUMBERS) > 80


@pytest.mark.parametrize("constraints", NUMBERS)
def test_every_number_has_a_smallest_and_a_largest_value(constraints):
    low, high = (annotated_types.Ge, annotated_types.Gt), (annotated_types.Le, annotated_types.Lt)
    assert any(isinstance(one, low) for one in constraints)
    assert any(isinstance(one, high) for one in constraints)


@pytest.mark.parametrize("name", RUN)
def test_an_extreme_of_a_run_is_a_setting_or_an_error_that_names_it(name):
    for value in EXTREMES:
        said = name
        try:
            changed = RunConfig().changed({name: value})
            assert RunConfig.model_validate(changed.model_dump()) == changed
        except ConfigError as error:
            said = str(error)
        assert name.partition(".")[0] in said
        assert len(said) < 500


@pytest.mark.parametrize("owner", MODELS)
def test_an_extreme_of_a_baseline_or_a_loss_is_a_setting_or_an_error(owner):
    model = MODELS[owner]
    for name in dict(numbers(model)):
        for value in EXTREMES:
            said = name
            try:
                if owner.startswith("loss"):
                    check_loss(owner.removeprefix("loss "), {name: value})
                elif model is not RunConfig:
                    validated(model, {name: value}, owner)
            except ConfigError as error:
                said = str(error)
            assert name in said


@pytest.mark.parametrize("field", ["data.source", "backbone", "recipe", "data.group_by"])
def test_text_has_a_bounded_length_and_can_be_a_path(field, tmp_path):
    with pytest.raises(ConfigError, match="at most 10,000 characters") as refused:
        RunConfig().changed({field: "x" * 100_000})
    assert len(str(refused.value)) < 400
    for text in ("a\0b", "\ud800"):
        with pytest.raises(ConfigError, match="a character that no path can have"):
            RunConfig().changed({field: text})
    kept = RunConfig().changed({field: "k\udcf6nig"})  # a file name of other bytes than UTF-8
    (tmp_path / "config.yaml").write_text(kept.to_yaml(), encoding="utf-8")
    assert load_config(tmp_path / "config.yaml") == kept


def test_a_number_of_many_digits_is_shown_as_such():
    with pytest.raises(ConfigError, match="seed=a number of thousands of digits: must be at most"):
        RunConfig().changed(parse_settings(["seed=0x" + "f" * 20_000]))
