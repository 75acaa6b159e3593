"""Registries: what outsiders can add, and what they cannot."""

from importlib.metadata import EntryPoint

import pytest

from lpt import registry
from lpt.errors import ConfigError
from lpt.registry import Registry, load_plugins


@pytest.fixture
def colours():
    return Registry("colour", {"red": 1})


def test_registered_entries_come_after_built_in_ones(colours):
    colours.register("blue", 2)
    assert list(colours) == ["red", "blue"]
    assert colours["blue"] == 2
    assert len(colours) == 2


def test_an_unknown_name_is_refused_with_the_known_ones(colours):
    with pytest.raises(ConfigError, match=r"colour 'green': unknown\. Choose one of: red\."):
        colours["green"]
    assert "green" not in colours


@pytest.mark.parametrize("name", ["", " blue", "a b", "a/b", "a=b", "a:b", "a,b"])
def test_a_name_that_cannot_be_typed_is_refused(colours, name):
    with pytest.raises(ConfigError, match="a name has no blanks"):
        colours.register(name, 2)


def test_a_built_in_entry_is_never_replaced(colours):
    for replace in (False, True):
        with pytest.raises(ConfigError, match="exists already"):
            colours.register("red", 2, replace=replace)


def test_a_registered_entry_is_replaced_only_on_request(colours):
    colours.register("blue", 2)
    with pytest.raises(ConfigError, match="exists already"):
        colours.register("blue", 3)
    colours.register("blue", 3, replace=True)
    assert colours["blue"] == 3


def test_a_registered_entry_can_be_removed_and_a_built_in_one_cannot(colours):
    colours.register("blue", 2)
    colours.unregister("blue")
    assert "blue" not in colours
    for name in ("blue", "red"):
        with pytest.raises(ConfigError, match="was not registered"):
            colours.unregister(name)


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, registry.GROUP)


def test_plugins_are_loaded_once_and_called(monkeypatch):
    calls: list[int] = []
    monkeypatch.setattr("lpt.registry.plugin_of_a_test", lambda: calls.append(1), raising=False)
    points = [point("unique-name-of-a-test", "lpt.registry:plugin_of_a_test")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    load_plugins()
    load_plugins()
    assert calls == [1]


def test_a_plugin_that_fails_is_named(monkeypatch):
    points = [point("broken-plugin-of-a-test", "no_such_module:register")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    with pytest.raises(ConfigError, match="plugin 'broken-plugin-of-a-test'"):
        load_plugins()
