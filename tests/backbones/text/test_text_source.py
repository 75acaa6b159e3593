"""Where the text tower of a backbone is found; nothing is fetched."""

from pathlib import Path

import pytest

from lpt.backbones.catalog import BACKBONES
from lpt.backbones.text.text_source import REPOSITORIES, find_text
from lpt.errors import BackboneError


def test_the_clips_and_siglips_of_the_table_have_a_repository() -> None:
    pairs = {name for name, row in BACKBONES.items() if "image-text" in row.data}
    pairs |= {name for name in BACKBONES if "clip" in name or "siglip" in name}
    assert pairs == set(REPOSITORIES)
    for name, repository in REPOSITORIES.items():
        assert find_text(name).name == f"hf-hub:{repository}"


def test_an_untagged_name_means_the_weights_that_timm_takes() -> None:
    assert find_text("eva02_base_patch16_clip_224").name.endswith("merged2b_s8b_b131k")


def test_a_folder_with_both_towers_is_its_own_source(tmp_path: Path) -> None:
    (tmp_path / "open_clip_config.json").write_text("{}")
    found = find_text(str(tmp_path))
    assert found.config == tmp_path / "open_clip_config.json"
    assert found.weights == tmp_path / "open_clip_model.safetensors"
    assert find_text("vit_tiny_patch8_64", str(tmp_path)).config == found.config
    assert find_text("vit_tiny_patch8_64", "hf-hub:us/clip").name == "hf-hub:us/clip"


@pytest.mark.parametrize("backbone", ["vit_tiny_patch8_64", "vit_small_patch14_dinov2.lvd142m"])
def test_a_backbone_without_a_text_tower_is_refused(backbone: str) -> None:
    with pytest.raises(BackboneError, match=r"no text tower (.|\n)*set text\.source"):
        find_text(backbone)


def test_a_folder_without_a_text_tower_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"has no open_clip_config\.json"):
        find_text("vit_tiny_patch8_64", str(tmp_path))
