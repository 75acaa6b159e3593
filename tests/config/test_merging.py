"""A change replaces what it names, however it is written, and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.config import RunConfig, load_config
from lpt.config.merging import merged
from lpt.errors import ConfigError

from .test_run_config import LEAVES

DOTTED = st.dictionaries(
    st.sampled_from([path for path in sorted(LEAVES) if not path.endswith(("options", "name"))]),
    st.integers(),
    min_size=1,
    max_size=5,
)


def nested(dotted: dict[str, Any], depth: int) -> dict[str, Any]:
    """Write the first `depth` parts of dotted names as nested mappings."""
    tree: dict[str, Any] = {}
    for path, value in dotted.items():
        *parents, last = path.split(".", depth)
        node = tree
        for name in parents:
            node = node.setdefault(name, {})
        node[last] = value
    return tree


@given(DOTTED, st.integers(1, 3))
def test_nested_changes_equal_dotted_ones(dotted, depth):
    tree = RunConfig().model_dump()
    assert merged(tree, nested(dotted, depth)) == merged(tree, dotted)


def test_a_nested_change_keeps_the_rest_of_a_recipes_section():
    paper = load_config("paper")
    changed = paper.changed({"phase1": {"epochs": 3, "optim": {"lr": 0.5}}})
    assert changed == paper.changed({"phase1.epochs": 3, "phase1.optim.lr": 0.5})
    assert changed.phase1.optim.name == paper.phase1.optim.name == "sgd"
    assert changed.phase1.batch_size == 256


def test_another_loss_starts_without_options_however_it_is_written(tmp_path):
    wanted = load_config("paper").changed({"phase1.loss.name": "focal"})
    assert wanted.phase1.loss.options == {}
    assert load_config("paper").changed({"phase1": {"loss": {"name": "focal"}}}) == wanted
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("recipe: paper\nphase1: { loss: { name: focal } }\n")
    assert load_config(recipe) == wanted


def test_options_are_replaced_as_a_whole_and_one_of_them_by_its_dotted_name():
    tree = {"loss": {"name": "gcl", "options": {"scale": 1.0, "margin": 2.0}}}
    assert merged(tree, {"loss": {"options": {"scale": 3.0}}})["loss"]["options"] == {"scale": 3.0}
    changed = merged(tree, {"loss.options.scale": 3.0})
    assert changed["loss"]["options"] == {"scale": 3.0, "margin": 2.0}
    assert tree["loss"]["options"] == {"scale": 1.0, "margin": 2.0}


def test_a_setting_that_is_given_twice_is_refused():
    with pytest.raises(ConfigError, match=r"phase1\.epochs: given twice"):
        RunConfig().changed({"phase1.epochs": 3, "phase1": {"epochs": 4}})


def test_an_unknown_section_is_named():
    with pytest.raises(ConfigError, match="there is no section 'phase3'"):
        RunConfig().changed({"phase3.epochs": 3})
    with pytest.raises(ConfigError, match="setting phase3: unknown"):
        RunConfig().changed({"phase3": {"epochs": 3}})
    with pytest.raises(ConfigError, match="setting 5: unknown"):
        RunConfig().changed({5: 3})  # type: ignore[dict-item]
