"""A folder to run commands in, and the command line as a function."""

import sys
from pathlib import Path

import pytest

from lpt import api
from lpt.cli import main

from ..tiny import write_backbone, write_photos
from .running import QUICK, Lpt


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, half of them in `half`, a backbone and a finished run."""
    root = tmp_path_factory.mktemp("home")
    vit, photos = write_backbone(root / "vit.safetensors"), write_photos(root / "photos")
    write_photos(root / "half", {"cat": 6, "ant": 4})
    api.train(photos, backbone=str(vit), out=root / "run", settings=QUICK, device="cpu")
    return root


@pytest.fixture
def lpt(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Lpt:
    """Run a command in `home`: exit code, stdout, stderr."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("LPT_CACHE", str(tmp_path / "cache"))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lpt", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return (ended.value.code, *capfd.readouterr())

    return call
