"""Every version that is installed is known by its hash."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = re.compile(r"^([a-z0-9._-]+)==([^\s;]+)")


def entries() -> dict[str, tuple[str, str]]:
    """Name of each package of the lock, with its version and its text."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    blocks = [b for b in re.split(r"\n(?=\S)", text.strip()) if not b.startswith("#")]
    found = {}
    for block in blocks:
        match = VERSION.match(block)
        assert match is not None, block
        found[match[1]] = (match[2], block)
    return found


def test_every_version_of_the_lock_has_hashes():
    for name, (_, text) in entries().items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", text), name


def test_the_build_requires_the_one_setuptools_of_the_lock():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert build["requires"] == [f"setuptools=={entries()['setuptools'][0]}"]


def test_uv_itself_is_installed_by_its_hash():
    assert "uv" in entries()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "pip install --quiet --disable-pip-version-check -r $(VENV)/uv.txt" in makefile
