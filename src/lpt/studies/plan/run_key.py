"""The key of a run: a hash of the facts that decide its result.

Facts have fixed names (`lpt.studies.plan.run_facts`), so that renaming a setting renames no run. A
value at its omitted default adds nothing, so that a new setting renames no run either. Images are
identified by names and labels: a key does not change if their content is replaced.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from lpt.baselines import BaselineSettings
from lpt.config import RunConfig
from lpt.errors import ConfigError
from lpt.studies.plan.run_facts import (
    BASELINE_FACTS,
    LATER_OPTIONS,
    RUN_FACTS,
    RUN_SETTINGS_ELSEWHERE,
    RUN_SETTINGS_WITHOUT_EFFECT,
    Fact,
)

__all__ = [
    "KEY_VERSION",
    "baseline_facts",
    "canonical",
    "config_facts",
    "expand_names",
    "run_key",
    "visible_config",
]

KEY_VERSION = 1
"""Increase it when the same facts no longer give the same result: all runs get new keys."""

_DIGITS = 9
"""Significant digits of a number in a key: 0.009000000000000001 is 0.009."""


def run_key(facts: Mapping[str, Any]) -> str:
    """Return the key of a run: 20 hexadecimal digits of the SHA-256 of its facts.

    The order of facts does not matter, nor does the type of a sequence.
    """
    tree = canonical({"key version": KEY_VERSION, "facts": facts})
    text = json.dumps(tree, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def config_facts(config: RunConfig, read: Collection[str]) -> dict[str, Any]:
    """Return the facts of the settings that a method reads, values at their defaults left out.

    Args:
        read: dotted names, as `expand_names` returns them.
    """
    return _named((fact, _value(config, name)) for name, fact in RUN_FACTS.items() if name in read)


def baseline_facts(settings: BaselineSettings, other: object = None) -> dict[str, Any]:
    """Return the facts of a baseline's settings, values at their defaults left out.

    A baseline's own options are written out, since their defaults may change, except those of
    `LATER_OPTIONS` at their first value.

    Args:
        other: identity of the second data set, in place of the text that names it.
    Raises: ConfigError for a field that has no fact.
    """
    missing = [name for name in BaselineSettings.model_fields if name not in BASELINE_FACTS]
    if missing:
        raise ConfigError(f"baseline setting {missing[0]}: has no fact. Add it to BASELINE_FACTS.")
    tree = {name: getattr(settings, name) for name in BASELINE_FACTS}
    tree["options"] = {
        name: value
        for name, value in settings.options.items()
        if name not in LATER_OPTIONS or value != LATER_OPTIONS[name]
    }
    if "other" in tree["options"]:
        tree["options"] = {**tree["options"], "other": other}
    return _named((BASELINE_FACTS[name], value) for name, value in tree.items())


def visible_config(config: RunConfig, read: Collection[str]) -> RunConfig:
    """Return a configuration that hides the settings a method does not declare to read.

    Hidden settings have the value that keys leave out. A method that reads one without declaring it
    therefore sees a constant: the setting has no effect, and a result with one value never
    passes for that with another.

    Args:
        read: dotted names, as `expand_names` returns them.
    """
    return config.changed({name: f.omitted for name, f in RUN_FACTS.items() if name not in read})


def expand_names(names: Collection[str], owner: str) -> frozenset[str]:
    """Replace names of sections by those of their settings.

    Args:
        names: dotted names of settings or sections of `RunConfig`.
        owner: whose they are; an error begins with it.
    Raises: ConfigError naming what is neither a setting nor a section.
    """
    known = frozenset(RUN_FACTS) | set(RUN_SETTINGS_ELSEWHERE) | set(RUN_SETTINGS_WITHOUT_EFFECT)
    found: set[str] = set()
    for name in names:
        inside = {one for one in known if one == name or one.startswith(f"{name}.")}
        if not inside:
            raise ConfigError(
                f"{owner}: declares to read '{name}', which is not a setting or section of "
                "RunConfig. Correct its name."
            )
        found |= inside
    return frozenset(found)


def canonical(value: Any) -> Any:
    """Return a value as keys have it: numbers rounded, sequences as lists, names as text."""
    if isinstance(value, Mapping):
        return {str(name): canonical(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(one) for one in value]
    if isinstance(value, float):
        rounded = float(f"{value:.{_DIGITS}g}")
        return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded
    return value


def _named(facts: Iterable[tuple[Fact, Any]]) -> dict[str, Any]:
    """By name, in the form of keys, without those at their omitted value."""
    found = [(fact, canonical(value)) for fact, value in facts]
    return {fact.name: value for fact, value in found if value != canonical(fact.omitted)}


def _value(config: RunConfig, path: str) -> Any:
    value: Any = config
    for name in path.split("."):
        value = getattr(value, name)
    return value
