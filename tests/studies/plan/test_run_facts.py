"""Every setting has a fact, or a reason why it needs none."""

from collections.abc import Iterator

from pydantic import BaseModel

from lpt.baselines import BaselineSettings
from lpt.config import RunConfig
from lpt.studies.plan.run_facts import (
    BASELINE_FACTS,
    RUN_FACTS,
    RUN_SETTINGS_ELSEWHERE,
    RUN_SETTINGS_WITHOUT_EFFECT,
)


def settings_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all settings."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings_of(kind, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_every_setting_of_a_run_is_in_one_table():
    listed = [*RUN_FACTS, *RUN_SETTINGS_ELSEWHERE, *RUN_SETTINGS_WITHOUT_EFFECT]
    assert sorted(listed) == sorted(settings_of(RunConfig))


def test_every_setting_of_a_baseline_has_a_fact():
    assert set(BASELINE_FACTS) == set(BaselineSettings.model_fields)


def test_no_two_settings_have_the_same_fact():
    for facts in (RUN_FACTS, BASELINE_FACTS):
        names = [fact.name for fact in facts.values()]
        assert len(set(names)) == len(names)


def test_omitted_values_are_valid_settings():
    RunConfig().changed({name: fact.omitted for name, fact in RUN_FACTS.items()})
    BaselineSettings(**{name: fact.omitted for name, fact in BASELINE_FACTS.items()})
