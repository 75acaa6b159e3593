"""A task has the calls of huggingface_hub's mixin, against a hub on loopback."""

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, ModelHubMixin, constants

import lpt
from lpt.errors import ParameterError, TaskFileError

from ...hub_server import TOKEN, running_hub

GOLDEN = Path(__file__).parents[2] / "golden" / "v0_1"
PHOTO = GOLDEN / "images" / "7.png"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")  # of the client
FILES = ["README.md", "adapter_config.json", "config.json", "task.safetensors"]


@pytest.fixture(scope="module")
def task():
    return lpt.load(GOLDEN / "run", device="cpu")


@pytest.fixture
def hub(monkeypatch):
    with running_hub() as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield served


def test_a_saved_folder_loads_again_and_predicts_the_same(task, tmp_path):
    assert isinstance(task, ModelHubMixin)
    task.save_pretrained(tmp_path / "digits")
    assert sorted(file.name for file in (tmp_path / "digits").iterdir()) == FILES
    again = lpt.Task.from_pretrained(tmp_path / "digits", device="cpu")
    assert again.predict(PHOTO) == task.predict(PHOTO)
    assert again.spec == task.spec
    config = json.loads((tmp_path / "digits" / "config.json").read_text())
    assert config["class_names"] == list(task.class_names)


def test_a_card_that_is_there_stays(task, tmp_path):
    (tmp_path / "README.md").write_text("# mine")
    task.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "# mine"


def test_a_pushed_task_is_loaded_by_name_and_by_revision(task, hub, tmp_path):
    task.push_to_hub("ada/digits", token=TOKEN, model_card_kwargs={"license": "apache-2.0"})
    (revision, files), *_ = hub.commits["ada/digits"].items()
    assert sorted(files) == FILES
    card = ModelCard(files["README.md"].decode())
    assert card.data.license == "apache-2.0"
    assert 'lpt.load("hf:ada/digits")' in card.text
    for wanted in (None, revision):
        again = lpt.Task.from_pretrained(
            "ada/digits", revision=wanted, cache_dir=tmp_path, device="cpu"
        )
        assert again.predict(PHOTO) == task.predict(PHOTO)
    fetched = [
        request for request in hub.requests if request.startswith("GET") and "/resolve/" in request
    ]
    assert [request.rpartition("/")[2] for request in fetched] == ["task.safetensors"]
    asked = len(hub.requests)
    lpt.Task.from_pretrained("ada/digits", cache_dir=tmp_path, local_files_only=True, device="cpu")
    assert len(hub.requests) == asked


def test_a_private_task_needs_the_token_that_is_given(task, hub, tmp_path):
    task.push_to_hub("ada/secret", token=TOKEN, private=True)
    with pytest.raises(TaskFileError, match="no repository ada/secret that you may read"):
        lpt.Task.from_pretrained("ada/secret", cache_dir=tmp_path, token=False)
    again = lpt.Task.from_pretrained("ada/secret", cache_dir=tmp_path, token=TOKEN, device="cpu")
    assert again.class_names == task.class_names


def test_other_class_frequencies_are_not_lost_in_silence(task, tmp_path):
    with pytest.raises(ParameterError, match="with_prior"):
        task.with_prior("uniform").save_pretrained(tmp_path / "uniform")
    assert not list((tmp_path / "uniform").glob("*"))


def test_a_folder_without_a_task_is_named(tmp_path):
    with pytest.raises(TaskFileError, match=str(tmp_path)):
        lpt.Task.from_pretrained(tmp_path)
