"""A baseline from Python is the one of the engine, on the images of `lpt.train`."""

from pathlib import Path

import pytest

import lpt
from lpt.baselines import baseline_settings, train_baseline
from lpt.config import load_config
from lpt.errors import ConfigError, ParameterError
from lpt.progress import SilentReporter
from lpt.training.run.training_context import TrainingContext

from ..tiny import SETTINGS, write_backbone, write_photos

QUICK = {"epochs": 2, "batch_size": 4}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("home")
    write_backbone(root / "vit.safetensors")
    write_photos(root / "photos")
    return root


@pytest.fixture
def arguments(home):
    return {
        "backbone": home / "vit.safetensors",
        "settings": SETTINGS,
        "seed": 3,
        "device": "cpu",
    }


def test_it_is_the_baseline_of_the_engine_with_the_same_data_and_seed(home, arguments):
    found = lpt.train_baseline("lora", home / "photos", baseline=QUICK, **arguments)
    changes = {
        **SETTINGS,
        "data.source": str(home / "photos"),
        "backbone": str(home / "vit.safetensors"),
        "seed": 3,
    }
    config = load_config().changed(changes)
    context = TrainingContext(config, SilentReporter(), device="cpu")
    trained = train_baseline("lora", context, baseline_settings("lora", **QUICK))
    assert found.method == "lora"
    assert set(found.metrics) == set(context.evaluation_splits)
    assert found.parameters == trained.parameters > 0
    for name, split in context.evaluation_splits.items():
        predictions = context.predict(trained.predict, split, exact=True)
        assert found.metrics[name] == context.score(predictions)


def test_an_unknown_baseline_or_setting_is_named_before_the_data_is_opened(arguments):
    with pytest.raises(ConfigError, match=r"baseline 'nosuch': unknown\. Choose one of: linear-"):
        lpt.train_baseline("nosuch", "missing", **arguments)
    with pytest.raises(ConfigError, match=r"baseline lora: epoch: unknown"):
        lpt.train_baseline("lora", "missing", baseline={"epoch": 1}, **arguments)
    with pytest.raises(ParameterError, match=r"baseline: list given\. Give a dict"):
        lpt.train_baseline("lora", "missing", baseline=["epochs"], **arguments)
