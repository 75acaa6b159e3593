"""Layout of the code: packages of about a dozen modules, unique names, a test for each module."""

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "lpt"
MODULES = sorted(p for p in SRC.rglob("*.py") if p.name != "__init__.py")
PACKAGES = sorted({p.parent for p in SRC.rglob("*.py")})
WHERE = ROOT / "tests" / "where_tested.txt"
"""Modules that are tested elsewhere than at their own path: module, tab, test."""

MOST_MODULES = 14
MOST_LINES = 300


def where_tested() -> dict[str, str]:
    lines = [line for line in WHERE.read_text(encoding="utf-8").splitlines() if line.strip()]
    return dict(line.split("\t") for line in lines if not line.startswith("#"))


def name_of(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_a_package_has_about_a_dozen_modules(package):
    modules = [p.name for p in package.glob("*.py") if not p.name.startswith("__")]
    assert len(modules) <= MOST_MODULES, modules


def test_no_two_modules_have_the_same_file_name():
    names = Counter(p.name for p in MODULES if p.name != "__main__.py")
    assert not [name for name, count in names.items() if count > 1]


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_is_short(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_has_a_test_at_its_own_path_or_a_stated_one(module):
    relative = module.relative_to(SRC)
    own = ROOT / "tests" / relative.parent / f"test_{relative.name}"
    stated = where_tested().get(relative.as_posix())
    if own.exists():
        assert stated is None, f"{relative} has a test of its own; remove it from the list"
    else:
        assert stated is not None, f"{relative}: no {own.relative_to(ROOT)}, and not in the list"
        assert (ROOT / stated).is_file(), stated


def test_the_list_names_only_modules_that_exist():
    assert not [name for name in where_tested() if not (SRC / name).is_file()]
