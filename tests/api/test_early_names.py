"""Names and paths of a training are checked before anything heavy is imported."""

import pytest
import timm

from lpt.api.early_names import check_backbone_name, check_bad_images
from lpt.backbones.catalog import EMBEDDED
from lpt.errors import BackboneError, ParameterError


@pytest.fixture(autouse=True)
def _no_folder_of_backbones(monkeypatch):
    monkeypatch.delenv("LPT_BACKBONES", raising=False)


@pytest.mark.parametrize(
    "name", ["vit_bsae", "vit_base_patch16_2224", "random:vit_bsae", "vit_bsae@file.safetensors"]
)
def test_a_name_that_means_nothing_is_refused_with_close_matches(name):
    with pytest.raises(BackboneError, match=rf"^{name}: no such backbone.* Did you mean "):
        check_backbone_name(name)


def test_every_name_of_timm_and_every_form_of_a_name_passes(tmp_path):
    for module in ("vision_transformer", "deit"):
        for name in timm.list_models(module=module)[::7]:
            check_backbone_name(name)
    for name in (
        EMBEDDED.name,
        f"random:{EMBEDDED.name}",
        "vit_base_patch16_224.augreg_in21k",
        "vit_base_patch16_224_in21k",  # an old name of timm
        "hf-hub:nobody/nothing",
        str(tmp_path),
        str(tmp_path / "missing.safetensors"),
    ):
        check_backbone_name(name)


def test_names_that_somebody_may_have_added_are_left_to_the_loader(monkeypatch, tmp_path):
    monkeypatch.setenv("LPT_BACKBONES", str(tmp_path))
    check_backbone_name("our-own-vit")


def test_bad_images_are_a_policy_or_a_list_that_exists(tmp_path):
    (tmp_path / "list.csv").write_text("path,kind")
    for given in (None, "error", "skip", str(tmp_path / "list.csv")):
        check_bad_images(given)
    with pytest.raises(ParameterError, match=r"^bad_images nofile\.csv: no such file"):
        check_bad_images("nofile.csv")
