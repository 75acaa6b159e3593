"""Random models of Hugging Face transformers, saved there, give the same features here."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lpt.backbones import load_backbone
from lpt.backbones.towers.feature import Feature
from lpt.errors import BackboneError

hf = pytest.importorskip("transformers")

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 8,
}


def drawn(model: Any) -> Any:
    """All weights random, so that none is without effect."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def dinov2(**changes: object) -> Any:
    return hf.Dinov2Model(hf.Dinov2Config(**{**SIZES, "mlp_ratio": 2, **changes}))


def dinov3(**changes: object) -> Any:
    return hf.DINOv3ViTModel(hf.DINOv3ViTConfig(**{**SIZES, "num_register_tokens": 4, **changes}))


CASES = {
    "DINOv2": (dinov2, Feature.CLASS_TOKEN),
    "DINOv3": (dinov3, Feature.CLASS_TOKEN),
    "DINOv3, gated": (lambda: dinov3(use_gated_mlp=True, hidden_act="silu"), Feature.CLASS_TOKEN),
    "SigLIP": (lambda: hf.SiglipVisionModel(hf.SiglipVisionConfig(**SIZES)), Feature.ATTENTION),
    "CLIP": (lambda: hf.CLIPVisionModel(hf.CLIPVisionConfig(**SIZES)), Feature.CLASS_TOKEN),
}


def pixels() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("case", CASES)
def test_a_saved_model_has_the_pooled_output_of_transformers(case: str, tmp_path: Path) -> None:
    build, feature = CASES[case]
    model = drawn(build())
    model.save_pretrained(tmp_path)
    backbone = load_backbone(str(tmp_path))
    assert backbone.feature is feature
    with torch.no_grad():
        expected = model(pixel_values=pixels()).pooler_output
    torch.testing.assert_close(backbone(pixels()), expected, atol=2e-5, rtol=0)


def test_of_a_whole_clip_only_the_image_tower_is_read(tmp_path: Path) -> None:
    text = {k: v for k, v in SIZES.items() if k not in ("image_size", "patch_size")}
    text |= {"vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2}
    model = drawn(hf.CLIPModel(hf.CLIPConfig(text_config=text, vision_config=dict(SIZES))))
    model.save_pretrained(tmp_path)
    backbone = load_backbone(str(tmp_path))
    with torch.no_grad():
        expected = model.vision_model(pixel_values=pixels()).pooler_output
    torch.testing.assert_close(backbone(pixels()), expected, atol=2e-5, rtol=0)
    assert backbone.spec.mean == (0.48145466, 0.4578275, 0.40821073)


def test_a_clip_without_its_configuration_asks_for_the_activation(tmp_path: Path) -> None:
    config = hf.CLIPVisionConfig(**{**SIZES, "hidden_size": 64})
    drawn(hf.CLIPVisionModel(config)).save_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(BackboneError, match="must state gelu or quick_gelu"):
        load_backbone(str(tmp_path / "model.safetensors"))
