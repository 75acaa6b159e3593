"""lpt backbones: the list, and the check of one."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lpt.backbones import load_backbone
from lpt.backbones.checks import support

from .running import refused


def test_the_list_begins_with_the_embedded_one_and_ends_with_advice(lpt):
    code, out, _ = lpt("backbones")
    heading, first, *_ = out.splitlines()
    assert code == 0
    assert heading.split() == ["name", "where", "size", "input", "speed"]
    assert first.startswith("vit_tiny_patch8_64 ")
    assert first.endswith("fast")
    assert "DINOv3 License" in out
    assert "  no GPU:\n    vit_small_patch16_dinov3.lvd1689m\n" in out


def test_a_check_says_in_five_lines_what_a_backbone_supports(lpt):
    code, out, _ = lpt("backbones", "check", "vit_tiny_patch8_64", "--image-size", "32")
    lines = out.splitlines()
    assert code == 0
    assert len(lines) == 5
    assert lines[0].startswith(
        "vit_tiny_patch8_64: Plain, 12 blocks of width 192, 5.4 M parameters"
    )
    assert lines[1] == "pixels    bicubic, mean/std 0.5/0.5, 0.5/0.5, 0.5/0.5"
    assert lines[2] == "feature   class token; last block: class token only"
    assert lines[3].startswith("input     32 px, 16 patches of 8 px; takes 8 to ")
    assert lines[4].startswith("export    onnx, torch;")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vit_tiny_patch8", ["no such backbone", "Did you mean"]),
        ("swin_tiny_patch4_window7_224", ["windows"]),
    ],
)
def test_a_backbone_that_cannot_be_used_is_refused_with_the_reason(lpt, name, words):
    refused(lpt("backbones", "check", name), *words)


def test_a_size_that_does_not_fit_names_the_nearest_that_do(lpt):
    said = lpt("backbones", "check", "vit_tiny_patch8_64", "--image-size", "60")
    refused(said, "multiple of its patch size 8", "56 or 64")


def test_a_wrong_file_is_refused(lpt, tmp_path: Path):
    path = tmp_path / "wrong.safetensors"
    save_file({"head.weight": torch.zeros(2, 2)}, path)
    refused(lpt("backbones", "check", str(path)), "wrong.safetensors", "architecture")


def test_a_difference_to_timm_is_an_error(lpt, monkeypatch):
    monkeypatch.setattr(support, "largest_error", lambda _: 0.5)
    refused(lpt("backbones", "check", "vit_tiny_patch8_64"), "differs from timm's own blocks")
    assert load_backbone("vit_tiny_patch8_64").depth == 12
