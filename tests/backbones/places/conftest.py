"""Backbone folders on disk."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file


@pytest.fixture
def backbone_folder() -> Callable[[Path], None]:
    """Writes timm's smallest ViT as a backbone folder."""

    def write(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        model = timm.create_model("test_vit", num_classes=0)
        save_file(model.state_dict(), folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps({"architecture": "test_vit"}))

    return write
