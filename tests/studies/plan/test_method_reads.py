"""Each method declares the settings that it reads."""

import pytest

from lpt.baselines import baseline_names
from lpt.config import RunConfig
from lpt.errors import ConfigError
from lpt.studies.define.definition import OWN_METHODS
from lpt.studies.plan import method_reads
from lpt.studies.plan.method_reads import settings_read
from lpt.studies.plan.run_facts import RUN_FACTS

BOTH = RunConfig()


@pytest.mark.parametrize("method", [*OWN_METHODS, *baseline_names()])
def test_every_method_reads_how_it_is_scored(method):
    read = settings_read(method, BOTH)
    assert {"image_size", "data.many_above", "augment.resize_ratio"} <= read


def test_both_phases_read_everything():
    assert settings_read("lpt", BOTH) == frozenset(RUN_FACTS)


def test_phase_1_does_not_read_phase_2():
    read = settings_read("lpt", BOTH.changed({"phase2.epochs": 0}))
    assert {"phase1.optim.lr", "phase2.epochs", "prompts.length"} <= read
    assert not read & {"phase2.optim.lr", "prompts.pool_size"}


def test_phase_2_does_not_read_phase_1():
    read = settings_read("joint", BOTH.changed({"phase1.epochs": 0}))
    assert {name for name in read if name.startswith("phase1")} == {"phase1.epochs"}


def test_the_plain_backbone_reads_no_training():
    read = settings_read("plain", BOTH)
    assert not [name for name in read if name.startswith(("phase", "prompts", "compile"))]
    assert "classifier.init_images_per_class" in read


def test_unknown_names_of_a_baseline_are_refused(monkeypatch):
    monkeypatch.setattr(method_reads, "baseline_reads", lambda name: ("phase9",))
    with pytest.raises(ConfigError, match=r"^method full: declares to read 'phase9'"):
        settings_read("full", BOTH)
