import pytest
import torch
from safetensors.torch import load_file, save_file

from lpt.backbones import load_backbone
from lpt.errors import BackboneError


def test_sizes_are_read_off_the_shapes(vit, write_vit):
    path = write_vit(vit(img_size=48, patch_size=16, embed_dim=64, depth=3), num_heads="4")
    spec = load_backbone(str(path)).spec
    assert (spec.width, spec.depth, spec.heads) == (64, 3, 4)
    assert (spec.image_size, spec.patch_size, spec.num_patches) == (48, 16, 9)


def test_without_metadata_a_head_is_64_wide(vit, tmp_path):
    path = tmp_path / "vit.safetensors"
    save_file(vit(embed_dim=128, num_heads=2).state_dict(), path)
    assert load_backbone(str(path)).heads == 2


def test_registers_without_positions_win_where_both_readings_fit(vit, write_vit):
    model = vit(img_size=24, reg_tokens=4, no_embed_class=True)  # 9 positions: 3 x 3, or 2 x 2 + 5
    assert load_backbone(str(write_vit(model))).spec.num_patches == 9


@pytest.mark.parametrize("ratio", [4.0, 3.7362])
def test_mlp_widths_that_are_no_round_multiple_are_kept(vit, write_vit, ratio):
    model = vit(mlp_ratio=ratio)
    backbone = load_backbone(str(write_vit(model)))
    assert backbone.model.blocks[0].mlp.fc1.out_features == int(32 * ratio)


def refused(path, *words: str) -> None:
    with pytest.raises(BackboneError) as failure:
        load_backbone(str(path))
    for word in (str(path), "TIMM_NAME@FILE", *words):
        assert word in str(failure.value)


@pytest.mark.parametrize("heads", ["0", "3", "-2", "two", "1e9"])
def test_impossible_heads_are_refused(vit, write_vit, heads):
    refused(write_vit(vit(), num_heads=heads), heads, "num_heads")


def test_a_pre_norm_tower_must_say_its_activation(vit, write_vit):
    refused(write_vit(vit(pre_norm=True)), "activation")
    backbone = load_backbone(str(write_vit(vit(pre_norm=True), activation="quick_gelu")))
    assert type(backbone.model.blocks[0].mlp.act).__name__ == "QuickGELU"


def test_blocks_with_gaps_are_refused(vit, write_vit):
    path = write_vit(vit())
    tensors = {k.replace("blocks.1.", "blocks.999999999."): v for k, v in load_file(path).items()}
    save_file(tensors, path, {"num_heads": "2"})
    refused(path, "gaps")


def test_positions_that_are_no_square_are_refused(vit, write_vit):
    path = write_vit(vit())
    save_file({**load_file(path), "pos_embed": torch.zeros(1, 12, 32)}, path, {"num_heads": "2"})
    refused(path, "12 positions")


def test_a_file_without_patches_is_refused(vit, write_vit):
    model = vit(class_token=False, global_pool="avg")
    del model.patch_embed
    refused(write_vit(model), "patch_embed.proj.weight")
