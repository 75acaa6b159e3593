"""A lazy package is the package: only the time at which its `__init__` runs differs."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from lpt.machine.lazy_packages import VISION_PACKAGES, make_lazy

INIT = """
import builtins
builtins.lazy_log.append("init")
__version__ = "3"
from .inner import number
from .other import inner  # a name that is a module's, too
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Make a package that is lazy from now on, and log when its `__init__` runs."""
    package = tmp_path / "slowpack"
    package.mkdir()
    (package / "__init__.py").write_text(INIT)
    (package / "inner.py").write_text("number = 7\n")
    (package / "other.py").write_text("from slowpack import __version__\ninner = 8\n")
    (package / "version.py").write_text('__version__ = "3"\n')
    seen: list[str] = []
    monkeypatch.setattr("builtins.lazy_log", seen, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    make_lazy({"slowpack": {"__version__": "slowpack.version", "inner": "slowpack.inner"}})
    yield seen
    for name in [name for name in sys.modules if name.partition(".")[0] == "slowpack"]:
        del sys.modules[name]


def test_modules_of_a_lazy_package_are_imported_without_its_init(log: list[str]) -> None:
    assert import_module("slowpack.inner").number == 7
    assert import_module("slowpack.other").inner == 8  # and the names that modules ask for
    assert log == []


def test_any_other_name_runs_the_init_once(log: list[str]) -> None:
    package = import_module("slowpack")
    assert package.number == 7
    assert package.inner == 8
    assert log == ["init"]
    assert type(package) is ModuleType
    assert not hasattr(package, "nothing")
    assert log == ["init"]


def test_threads_run_the_init_once(log: list[str]) -> None:
    package = import_module("slowpack")
    threads = [threading.Thread(target=lambda: package.number) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log == ["init"]


def test_an_init_that_fails_fails_again(log: list[str], tmp_path: Path) -> None:
    (tmp_path / "slowpack" / "__init__.py").write_text("lazy_log.append('init')\n1 / 0\n")
    package = import_module("slowpack")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            _ = package.number
    assert log == ["init", "init"]


SAME = """
import sys
from lpt.machine.lazy_packages import VISION_PACKAGES, make_lazy
if sys.argv[1] == "lazy": make_lazy(VISION_PACKAGES)
from timm.models.vision_transformer import VisionTransformer
import timm, torch, torchvision.ops
from timm.models import get_pretrained_cfg
assert isinstance(timm.create_model("vit_tiny_patch16_224"), VisionTransformer)
print(get_pretrained_cfg("vit_tiny_patch16_224").hf_hub_id, len(timm.list_models()))
print(torchvision.ops.roi_align.__name__, torchvision.__version__, timm.__version__)
for name in sorted(VISION_PACKAGES):
    hasattr(sys.modules[name], "nothing")
for name in sorted(VISION_PACKAGES):
    public = {n: type(v).__name__ for n, v in vars(sys.modules[name]).items() if n[:1] != "_"}
    print(name, sorted(public.items()))
"""


@pytest.mark.slow
def test_timm_and_torchvision_are_the_same_when_they_are_used() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", SAME, how], capture_output=True, text=True, check=True
        ).stdout
        for how in ("lazy", "at once")
    ]
    assert found[0] == found[1]
    assert all(name in found[0] for name in VISION_PACKAGES)
