"""A tiny random CLIP in the layout of OpenCLIP, whose text features can be planted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

open_clip = pytest.importorskip("open_clip")

WIDTH, JOINT, TEXT = 16, 12, 24
IMAGES: dict[str, Any] = {
    "image_size": 16,
    "patch_size": 8,
    "width": WIDTH,
    "head_width": 8,
    "layers": 3,
}
TEXTS: dict[str, Any] = {"context_length": 16, "width": TEXT, "heads": 2, "layers": 1}
PIXELS = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}


def drawn(model: Any) -> Any:
    """All weights random, so that none is without effect."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def tiny_clip(*, custom: bool = False, quick_gelu: bool = False, **images: object) -> Any:
    """A random model, built by OpenCLIP.

    Args:
        custom: whether the tensors of the text tower have a prefix, as in newer models.
    """
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    return drawn(kind(JOINT, {**IMAGES, **images}, TEXTS, quick_gelu))


def save(model: Any, folder: Path, **changes: object) -> Path:
    """Write both towers as OpenCLIP does. `changes` replace fields of the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "open_clip_model.safetensors")
    settings = {"embed_dim": JOINT, "vision_cfg": IMAGES, "text_cfg": TEXTS, **changes}
    file = {"model_cfg": settings, "preprocess_cfg": PIXELS}
    (folder / "open_clip_config.json").write_text(json.dumps(file))
    return folder


@torch.no_grad()
def plant(model: Any, prompts: Sequence[str], features: Tensor) -> None:
    """Change the text projection of a model that is not `custom`, so that prompts have features.

    Args:
        prompts: (n,) of them, at most TEXT.
        features: (n, JOINT).
    """
    tokens = open_clip.SimpleTokenizer(context_length=TEXTS["context_length"])(list(prompts))
    model.text_projection = torch.nn.Parameter(torch.eye(TEXT))
    hidden = model.encode_text(tokens)
    found = torch.linalg.lstsq(hidden.double(), features.double()).solution.float()
    model.text_projection = torch.nn.Parameter(found)
    own = F.normalize(model.encode_text(tokens), dim=1)
    torch.testing.assert_close(own, F.normalize(features, dim=1), atol=1e-4, rtol=0)
