import socket

import pytest
import timm
from huggingface_hub import constants

from lpt.backbones import BACKBONES, list_backbones, register_backbone, warn_if_leaky
from lpt.backbones.catalog import EMBEDDED, canonical_name
from lpt.errors import ConfigError


@pytest.fixture(autouse=True)
def hub_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_every_name_for_the_hub_has_weights_in_timm():
    names = [entry.name for entry in list_backbones() if entry.place == "hub"]
    assert len(names) > 10
    assert all(timm.models.is_model_pretrained(name) for name in names)
    assert "vit_base_patch16_224.augreg_in21k" in names


def test_sizes_are_those_of_timm():
    for entry in list_backbones():
        if entry.place == "hub":
            config = timm.models.get_pretrained_cfg(entry.name)
            assert config.input_size == (3, entry.image_size, entry.image_size)


def test_names_are_unique_and_the_embedded_one_comes_first():
    names = [entry.name for entry in list_backbones()]
    assert len(set(names)) == len(names)
    assert list_backbones()[0] == EMBEDDED
    assert len(EMBEDDED.sha256) == 64


def test_weights_in_the_hub_cache_are_listed_as_here_without_any_network(hub_cache, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)
    name = "vit_small_patch16_224.dino"
    folder = hub_cache / f"models--timm--{name}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("abc")
    (folder / "snapshots" / "abc").mkdir(parents=True)
    (folder / "snapshots" / "abc" / "model.safetensors").touch()
    assert [entry.name for entry in list_backbones() if entry.place == "cached"] == [name]


@pytest.mark.parametrize(
    "name",
    [
        "vit_base_patch16_224",
        "vit_base_patch16_224.augreg_in21k_ft_in1k",
        "vit_base_patch16_224.augreg2_in21k_ft_in1k",
        "hf-hub:timm/vit_base_patch16_224.augreg2_in21k_ft_in1k",
    ],
)
def test_the_backbone_often_taken_for_the_papers_is_warned_of(name):
    warning = warn_if_leaky(name)
    assert "The paper's backbone is vit_base_patch16_224.augreg_in21k." in warning


def test_any_backbone_that_saw_the_labels_of_imagenet_1k_is_warned_of():
    assert "ImageNet-1k's labels" in warn_if_leaky("deit_base_patch16_224.fb_in1k")
    assert "augreg" not in warn_if_leaky("deit_base_patch16_224.fb_in1k")


@pytest.mark.parametrize(
    "name",
    [
        EMBEDDED.name,
        "vit_base_patch16_224.augreg_in21k",
        "vit_base_patch16_224_in21k",
        "vit_base_patch16_224.dino",
        "vit_base_patch14_dinov2.lvd142m",
        "random:vit_base_patch16_224",
        "vit_base_patch16_224@mine.safetensors",
        "no such name",
    ],
)
def test_others_are_not(name):
    assert warn_if_leaky(name) is None


def test_names_are_completed_and_renamed_as_timm_does():
    assert canonical_name("vit_base_patch16_224") == "vit_base_patch16_224.augreg2_in21k_ft_in1k"
    assert canonical_name("vit_base_patch16_224_in21k") == "vit_base_patch16_224.augreg_in21k"
    assert canonical_name("vit_base_patch16_plus_240") == "vit_base_patch16_plus_240"
    assert canonical_name("nothing") is None


@pytest.fixture
def _clean():
    yield
    BACKBONES.unregister("mine")


@pytest.mark.usefixtures("_clean")
def test_a_registered_backbone_is_listed_last_with_what_is_known_of_it():
    register_backbone("mine", "hf-hub:me/mine", data="our photos", parameters=5.5)
    entry = list_backbones()[-1]
    assert (entry.name, entry.place, entry.data) == ("mine", "registered", "our photos")
    assert (entry.parameters, entry.image_size) == (5.5, None)
    assert warn_if_leaky("mine") is None


@pytest.mark.usefixtures("_clean")
def test_a_registered_name_is_replaced_only_on_request():
    register_backbone("mine", "hf-hub:me/mine")
    with pytest.raises(ConfigError, match="exists already"):
        register_backbone("mine", "hf-hub:me/other")
    register_backbone("mine", "hf-hub:me/other", replace=True)
    assert BACKBONES["mine"].source == "hf-hub:me/other"


@pytest.mark.parametrize("name", [EMBEDDED.name, "vit_base_patch32_224", "a@b", "a/b", ""])
def test_names_that_mean_something_already_cannot_be_registered(name):
    with pytest.raises(ConfigError, match=r"^backbone "):
        register_backbone(name, "hf-hub:me/mine")
