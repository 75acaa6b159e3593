"""The list of backbones, with those of the user's folder."""

import pytest

from lpt.backbones import list_backbones
from lpt.backbones.catalog import EMBEDDED


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LPT_BACKBONES", str(tmp_path))
    return tmp_path


def local():
    return {entry.name: entry for entry in list_backbones() if entry.place == "local"}


def test_local_backbones_are_listed_last_with_size_and_input(home, backbone_folder):
    backbone_folder(home / "our_vit")
    entry = list_backbones()[-1]
    assert (entry.name, entry.place, entry.image_size) == ("our_vit", "local", 160)
    assert 0.1 < entry.parameters < 1
    assert str(home) in entry.data


def test_a_damaged_one_is_listed_with_its_fault(home, backbone_folder):
    backbone_folder(home / "cut")
    (home / "cut" / "model.safetensors").write_bytes(b"short")
    backbone_folder(home / "odd")
    (home / "odd" / "config.json").write_text("[]")
    assert "model.safetensors" in local()["cut"].note
    assert "config.json" in local()["odd"].note


def test_a_taken_name_says_so(home, backbone_folder):
    backbone_folder(home / EMBEDDED.name)
    backbone_folder(home / "vit_base_patch16_224")
    assert all("name is taken" in entry.note for entry in local().values())
    assert len(local()) == 2
