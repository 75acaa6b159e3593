"""Configurations of OpenCLIP: those that it ships are read, or refused for a reason."""

import json
from pathlib import Path

import pytest

from lpt.backbones.config_json import read_description
from lpt.backbones.layouts.open_clip_config import OPEN_CLIP_CONFIG, read_open_clip
from lpt.errors import BackboneError

open_clip = pytest.importorskip("open_clip")

READ = [
    "ViT-B-16",
    "ViT-B-16-quickgelu",
    "ViT-L-14",
    "ViT-B-16-SigLIP2",
    "ViT-SO400M-14-SigLIP",
    "EVA02-B-16",
    "PE-Core-B-16",
    "ViT-H-14",
]
REFUSED = {
    "RN50": "layers",
    "convnext_base": "timm_pool",
    "coca_ViT-B-32": "vision_cfg.attentional_pool",
    "roberta-ViT-B-32": "hf_model_name",
}


def written(name: str, folder: Path) -> Path:
    path = folder / OPEN_CLIP_CONFIG
    path.write_text(json.dumps({"model_cfg": open_clip.get_model_config(name)}))
    return path


@pytest.mark.parametrize("name", READ)
def test_clips_and_siglips_are_read(name: str, tmp_path: Path) -> None:
    settings = read_open_clip(written(name, tmp_path)).model_cfg
    expected = open_clip.get_model_config(name)
    assert settings.embed_dim == expected["embed_dim"]
    assert settings.text_cfg.width == expected["text_cfg"]["width"]


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused_with_the_field(name: str, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=REFUSED[name]):
        read_open_clip(written(name, tmp_path))


def test_the_image_tower_is_described(tmp_path: Path) -> None:
    plain = read_description(written("ViT-B-16-quickgelu", tmp_path))
    assert plain.architecture is None
    assert plain.metadata == {
        "num_heads": "12",
        "layer_norm_eps": "1e-05",
        "activation": "quick_gelu",
    }
    assert plain.preprocessing["mean"][0] == pytest.approx(0.48145466)
    of_timm = read_description(written("ViT-B-16-SigLIP2", tmp_path))
    assert of_timm.architecture is not None
    assert of_timm.architecture.startswith("vit_base_patch16_siglip_224")


def test_an_architecture_that_timm_does_not_have_is_named(tmp_path: Path) -> None:
    path = written("EVA02-B-16", tmp_path)
    path.write_text(path.read_text().replace("eva02_base_patch16_clip_224", "eva99"))
    with pytest.raises(BackboneError, match="eva99: no such backbone"):
        read_description(path)
