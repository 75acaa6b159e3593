"""Random models of OpenCLIP, saved there, give the same image features here."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import Tensor

from lpt.backbones import load_backbone
from lpt.backbones.layouts.open_clip_names import from_open_clip, is_open_clip
from lpt.backbones.towers.feature import Feature

from ..text.tiny_clip import IMAGES, JOINT, TEXTS, drawn, open_clip, save, tiny_clip


def pixels(side: int = 16) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "changes",
    [{}, {"quick_gelu": True}, {"custom": True, "ls_init_value": 0.3}, {"no_ln_pre": True}],
    ids=str,
)
def test_open_clips_own_vit_has_the_features_of_open_clip(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    model = tiny_clip(**changes)
    quick = bool(changes.pop("quick_gelu", False))
    custom = bool(changes.pop("custom", False))
    images = {**IMAGES, **changes}
    save(model, tmp_path, vision_cfg=images, quick_gelu=quick, custom_text=custom)
    backbone = load_backbone(str(tmp_path))
    with torch.no_grad():
        expected = model.encode_image(pixels())
        joint = backbone(pixels()) @ model.visual.proj
    assert expected.std() > 1e-2
    torch.testing.assert_close(joint, expected, atol=1e-5, rtol=1e-4)
    assert backbone.spec.mean == (0.5, 0.5, 0.5)


TIMMS = {
    "SigLIP": ("vit_base_patch16_siglip_224", "map", "none", Feature.ATTENTION),
    "EVA-02 CLIP": ("eva02_base_patch16_clip_224", "token", None, Feature.CLASS_TOKEN),
    "linear": ("vit_base_patch16_224", "token", "linear", Feature.CLASS_TOKEN),
}


@pytest.mark.parametrize("case", TIMMS)
def test_a_model_of_timm_within_open_clip_has_its_features(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The architectures are made small, with the names that OpenCLIP's configurations have."""
    name, pool, projection, feature = TIMMS[case]
    create = timm.create_model
    small = {"embed_dim": 32, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 32}
    monkeypatch.setattr(timm, "create_model", lambda *a, **k: create(*a, **{**k, **small}))
    images = {
        "timm_model_name": name,
        "image_size": 32,
        "timm_pool": pool,
        "timm_proj": projection,
    }
    joint = 32 if projection == "none" else JOINT
    model = drawn(open_clip.CustomTextCLIP(joint, images, TEXTS))
    save(model, tmp_path, embed_dim=joint, vision_cfg=images, custom_text=True)
    backbone = load_backbone(str(tmp_path))
    assert backbone.feature is feature
    own = backbone(pixels(32))
    with torch.no_grad():
        expected = model.encode_image(pixels(32))
        if projection is None:
            own = model.visual.trunk.head(own)
        own = model.visual.head(own)
    assert expected.std() > 1e-2
    torch.testing.assert_close(own, expected, atol=1e-5, rtol=1e-4)


def test_the_names_are_those_that_timm_makes_of_the_same_weights() -> None:
    state = tiny_clip().state_dict()
    found, _ = from_open_clip(state)
    shape = {"embed_dim": 16, "depth": 3, "num_heads": 2, "patch_size": 8, "img_size": 16}
    like = timm.create_model("vit_base_patch16_clip_224", num_classes=0, **shape)
    of_timm = checkpoint_filter_fn(dict(state), like)
    bare = {n: t for n, t in of_timm.items() if not n.startswith("head.")}
    assert found.keys() == bare.keys() == like.state_dict().keys()
    assert all(torch.equal(found[name], bare[name]) for name in bare)


def test_tensors_of_other_shapes_keep_them_for_the_messages() -> None:
    found, _ = from_open_clip({"visual.class_embedding": torch.zeros(2, 2)})
    assert found["cls_token"].shape == (2, 2)


def test_pe_of_its_authors_is_left_to_timm() -> None:
    plain = {"visual.conv1.weight": torch.zeros(1)}
    assert is_open_clip(plain)
    assert not is_open_clip({**plain, "visual.attn_pool.probe": torch.zeros(1)})
    assert not is_open_clip({"patch_embed.proj.weight": torch.zeros(1)})
