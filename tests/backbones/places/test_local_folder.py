"""The user's folder of backbones: which names are in it, and that no name leads out of it."""

import pytest

from lpt.backbones import load_backbone
from lpt.backbones.catalog import EMBEDDED
from lpt.backbones.named_by_file import check_named
from lpt.backbones.names import Kind, kind_of_name
from lpt.backbones.places.local_folder import find_local, local_backbones, local_folder
from lpt.errors import BackboneError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LPT_BACKBONES", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_folder_is_named_by_the_environment_or_lies_in_the_platforms_data(monkeypatch):
    monkeypatch.setenv("LPT_BACKBONES", "~/vits")
    assert local_folder().name == "vits"
    assert local_folder().is_absolute()
    monkeypatch.delenv("LPT_BACKBONES")
    assert local_folder().parts[-2:] == ("lpt", "backbones")


def test_a_local_backbone_is_loaded_by_its_name_from_anywhere(home, backbone_folder):
    backbone_folder(home / "our_vit")
    loaded = load_backbone("our_vit")
    assert loaded.spec.name == "our_vit"
    assert loaded.spec.sha256 == load_backbone(str(home / "our_vit")).spec.sha256
    assert local_backbones() == {"our_vit": home / "our_vit"}


def test_a_name_that_means_something_keeps_its_meaning(home, backbone_folder):
    for name in (EMBEDDED.name, "vit_base_patch16_224", "vit_base_patch16_224.dino"):
        backbone_folder(home / name)
        assert kind_of_name(name) in {Kind.BUNDLED, Kind.TIMM}


def test_a_task_file_may_name_a_local_backbone_but_no_path_to_it(home, backbone_folder):
    """The user put it there, nothing is fetched, and the hash of its weights is compared."""
    backbone_folder(home / "our_vit")
    check_named("our_vit", home / "task.safetensors", made_here=False)
    for path in (str(home / "our_vit"), str(home / "our_vit" / ".." / "our_vit")):
        with pytest.raises(BackboneError, match="is a path, chosen by the file"):
            check_named(path, home / "task.safetensors", made_here=False)


def test_a_local_name_does_not_depend_on_the_current_folder(home, backbone_folder, monkeypatch):
    backbone_folder(home / "our_vit")
    backbone_folder(home.parent / "our_vit")
    monkeypatch.chdir(home.parent)
    assert kind_of_name("our_vit") is Kind.LOCAL
    assert kind_of_name("./our_vit") is Kind.FOLDER


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/b", "../our_vit", "/etc", "a\\b", "a\nb", "x" * 5000, "\0"]
)
def test_no_name_leads_out_of_the_folder(home, backbone_folder, name):
    backbone_folder(home.parent / "our_vit")
    backbone_folder(home.parent)
    home.mkdir()
    assert find_local(name) is None


def test_folders_without_a_config_and_a_missing_home_are_no_backbones(home):
    assert local_backbones() == {}
    (home / "empty").mkdir(parents=True)
    assert local_backbones() == {}
    with pytest.raises(BackboneError, match="no such backbone"):
        load_backbone("empty")
