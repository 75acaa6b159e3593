"""Wheel and sdist are complete, and the wheel works where nothing else of the repository is."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
import readme_renderer.markdown

ROOT = Path(__file__).parents[2]
BUILT_HERE = shutil.ignore_patterns(
    ".*", "build", "dist", "site", "runs", "experiments", "*.egg-info", "__pycache__"
)

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Distribution:
    """A wheel and an sdist, built from a copy of the sources without leftovers of other builds."""

    source: Path
    wheel: Path
    sdist: Path

    @property
    def names(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def read(self, suffix: str) -> bytes:
        (name,) = (name for name in self.names if name.endswith(suffix))
        with zipfile.ZipFile(self.wheel) as archive:
            return archive.read(name)

    @property
    def metadata(self) -> Message:
        return message_from_bytes(self.read(".dist-info/METADATA"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    """The sdist of a copy of the repository, and the wheel of that sdist."""
    folder = tmp_path_factory.mktemp("built")
    source, out = folder / "source", folder / "dist"
    shutil.copytree(ROOT, source, ignore=BUILT_HERE)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return Distribution(source, wheel, sdist)


@pytest.fixture(scope="module")
def installed(built: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Commands of an environment with this wheel and, behind it, the packages of this one."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    options = ("--quiet", "--no-deps", "--no-index", "--no-compile")
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, built.wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "behind.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def run(*command: str | Path) -> str:
    """Output of a command that does not see the sources; its errors if it fails."""
    shielded = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env=shielded, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_file_of_the_package_is_in_the_wheel(built):
    package = built.source / "src"
    found = [path for path in package.glob("lpt/**/*") if path.is_file()]
    files = {path.relative_to(package).as_posix() for path in found}
    kinds = {Path(name).suffix for name in files}
    assert {".py", ".yaml", ".md", ".safetensors", ".typed"} <= kinds
    assert {name for name in built.names if ".dist-info/" not in name} == files


def test_licences_travel_with_wheel_and_sdist(built):
    assert built.metadata["License-Expression"] == "Apache-2.0 AND LicenseRef-ImageNet-Research"
    files = ["LICENSE", "LICENSES/LicenseRef-ImageNet-Research.txt"]
    assert built.metadata.get_all("License-File") == files
    for file in files:
        assert built.read(f".dist-info/licenses/{file}") == (ROOT / file).read_bytes()
    with tarfile.open(built.sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert set(files) <= inside


def test_the_sdist_has_what_tests_and_documentation_need(built):
    with tarfile.open(built.sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    for file in ("Makefile", "constraints.txt", "mkdocs.yml", "tests/conftest.py", "docs/index.md"):
        assert file in inside


def test_the_readme_renders_as_the_page_of_the_package(built):
    assert built.metadata["Description-Content-Type"] == "text/markdown"
    page = readme_renderer.markdown.render(str(built.metadata.get_payload()))
    assert page is not None
    assert "<h1" in page


def test_the_installed_wheel_imports_and_tells_its_version(installed, built):
    where = run(installed / "python", "-c", "import lpt; print(lpt.__file__)").strip()
    assert Path(where).is_relative_to(installed.parent)
    assert run(installed / "lpt", "--version") == f"lpt {built.metadata['Version']}\n"


def test_the_installed_wheel_lists_its_studies(installed):
    assert "phases" in run(installed / "lpt", "study", "--list")
