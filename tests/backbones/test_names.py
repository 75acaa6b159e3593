"""Names of backbones: each form leads to its architecture and file, without fetching weights."""

from pathlib import Path

import pytest
from safetensors.torch import save_file

from lpt.backbones.catalog import BACKBONES, EMBEDDED, register_backbone
from lpt.backbones.names import find_source
from lpt.errors import BackboneError

TIMM = "test_vit.r160_in1k"


def test_the_bundled_backbone_has_its_file_in_the_package():
    source = find_source(EMBEDDED.name)
    assert source.architecture is None
    assert source.file().is_file()


def test_a_timm_name_is_completed_by_its_tag():
    source = find_source("test_vit")
    assert (source.name, source.architecture, source.random) == (TIMM, TIMM, False)


def test_a_file_of_a_named_architecture_is_kept_as_an_absolute_path(tmp_path, monkeypatch, vit):
    save_file(vit().state_dict(), tmp_path / "w.safetensors")
    monkeypatch.chdir(tmp_path)
    source = find_source("test_vit@w.safetensors")
    assert source.name == f"test_vit@{tmp_path / 'w.safetensors'}"
    assert source.file() == tmp_path / "w.safetensors"
    assert find_source("w.safetensors").name == str(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("name", "own"),
    [("test_vit", "random:test_vit"), (EMBEDDED.name, f"random:{EMBEDDED.name}")],
)
def test_random_weights_keep_the_name_that_was_given(name, own):
    source = find_source(f"random:{name}")
    assert (source.name, source.random) == (own, True)


def test_a_registered_name_stands_for_another_or_for_a_function(vit):
    register_backbone("mine", "test_vit")
    try:
        source = find_source("mine")
        assert (source.name, source.architecture, source.build) == ("mine", TIMM, None)
        register_backbone("mine", vit, replace=True)
        assert find_source("mine").build is vit
        with pytest.raises(BackboneError, match="no weights file"):
            find_source("mine").file()
    finally:
        BACKBONES.unregister("mine")


def test_an_unknown_name_gets_close_matches():
    with pytest.raises(BackboneError, match=r"Did you mean .*vit_base_patch16_224"):
        find_source("vit_base_patch16_225")
    assert not Path("vit_base_patch16_225").exists()
