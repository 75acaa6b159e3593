"""Every public function refuses what it cannot use, in one or two lines, whatever it is given."""

import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lpt
from lpt.baselines.named_baselines import BASELINES
from lpt.errors import LptError

FULL = BASELINES["full"]

WEIRD: tuple[Any, ...] = (
    *(5, -1, 2**70, 10**5000, 1.5, math.nan, math.inf, True),
    *(
        b"x",
        "a\0b",
        "\ud800",
        "x" * 5000,
        "/" * 20_000,
        Path("y" * 5000),
        "",
        " ",
        "no/such",
        "\x1b[",
    ),
    *([], {}, [1], {"a": 1}, object(), print),
)

CHANGE: dict[str, Any] = {"task": "no/such/run", "out": "new.safetensors"}

GOOD: dict[str, dict[str, Any]] = {
    "add_class": {**CHANGE, "name": "wren", "photos": []},
    "merge_classes": {**CHANGE, "names": ["wren", "robin"], "into": "bird"},
    "remove_classes": {**CHANGE, "names": ["wren"]},
    "rename_class": {**CHANGE, "old": "wren", "new": "robin"},
    "train": {"data": "no/such/folder"},
    "evaluate": {"task": "no/such/run"},
    "load": {"path": "no/such/run"},
    "open_data": {"spec": "no/such/folder"},
    "register_backbone": {"name": "a b", "source": print},
    "register_baseline": {"name": "a b", "baseline": FULL},
    "register_dataset": {"name": "a b", "read": print},
    "register_loss": {"name": "a b", "function": print},
    "register_sampler": {"name": "a b", "sampler": print},
    "train_baseline": {"method": "linear-probe", "data": "no/such/folder"},
    "trust_run": {"run": "no/such/run"},
}
"""Arguments that lead to an error later, so that nothing is trained or registered."""

FREE = {
    *("verbose", "reporter", "resume", "replace"),  # taken by truth, or of the caller's own class
    *("about", "role", "data", "note", "parameters", "image_size"),  # text of tables
    *("read", "function", "sampler", "source", "presets", "baseline"),  # code of the caller
}


# Tests check the types of `register_loss` before it is called (tests/conftest.py).


def doors() -> Iterator[tuple[str, str]]:
    for name in sorted(GOOD):
        function = getattr(lpt, name)
        for parameter in inspect.signature(function).parameters:
            opened = name in ("train", "train_baseline", "evaluate") and parameter == "data"
            if (parameter not in FREE or opened) and name != "register_loss":
                yield name, parameter


def test_all_public_functions_are_tried():
    functions = {n for n in lpt.__all__ if inspect.isfunction(getattr(lpt, n))}
    assert functions == GOOD.keys()


@pytest.mark.parametrize(("name", "parameter"), list(doors()))
def test_a_weird_argument_is_refused(name, parameter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in WEIRD:
        arguments = {**GOOD[name], parameter: value}
        with pytest.raises(LptError) as refused:
            getattr(lpt, name)(**arguments)
        assert 1 <= len(str(refused.value).splitlines()) <= 2
        assert len(str(refused.value)) < 2500
    assert list(tmp_path.iterdir()) == []
