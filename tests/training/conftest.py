"""The tiny task, made once per test session."""

from pathlib import Path

import pytest

from lpt.backbones import FrozenViT

from ..tiny import backbone_of, write_backbone, write_photos


@pytest.fixture(scope="session")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="session")
def backbone(vit: Path) -> FrozenViT:
    return backbone_of(vit)
