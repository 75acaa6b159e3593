"""The data of a study: the parts of its images, their identity, and the precision of training."""

import pytest

from lpt.config import load_config
from lpt.errors import ConfigError
from lpt.progress import SilentReporter
from lpt.studies.plan import study_data as module
from lpt.studies.plan.study_data import StudyData


def test_images_of_selection_are_held_out_of_training(study_data):
    """30, 12, 6 and 3 images, less the test images: only two classes have 10 or more."""
    final, selection = (study_data.trained(p).split("train") for p in ("final", "selection"))
    held_out = study_data.scored("selection")
    assert len(selection) + len(held_out) == len(final)
    assert set(held_out.labels.tolist()) <= {0, 1}
    assert study_data.can_select
    assert set(study_data.trained("selection").splits) == {"train"}


def test_parts_have_different_identities(study_data):
    final, selection = study_data.identity("final"), study_data.identity("selection")
    assert final["classes"] == selection["classes"]
    assert final["training images"] != selection["training images"]
    assert final["scored images"] != selection["scored images"]


def test_the_seed_of_a_run_does_not_change_its_images(study_data, photos):
    config = load_config("default").changed({"data.source": str(photos), "seed": 5})
    other = StudyData(config, SilentReporter(), device="cpu")
    assert other.identity("selection") == study_data.identity("selection")


def test_corruptions_replace_shifted_sets(photos):
    config = load_config("default").changed({"data.source": str(photos)})
    study_data = StudyData(config, SilentReporter(), device="cpu", corrupted=True)
    assert {"noise-3", "blur-3"} <= set(study_data.shifted_identity)
    assert len(set(study_data.shifted_identity.values())) == 1


@pytest.mark.parametrize(
    ("asked", "bf16", "used"), [("auto", True, "bf16"), ("auto", False, "float32")]
)
def test_automatic_precision_is_resolved(study_data, monkeypatch, asked, bf16, used):
    monkeypatch.setattr(module, "uses_bf16", lambda precision, device: bf16)
    assert study_data.precision(load_config("default").changed({"precision": asked})) == used


def test_bf16_is_refused_where_it_is_slow(study_data, monkeypatch):
    monkeypatch.setattr("lpt.training.run.device_setup.fast_bf16", lambda device: False)
    with pytest.raises(ConfigError, match="precision=bf16"):
        study_data.precision(load_config("default").changed({"precision": "bf16"}))
