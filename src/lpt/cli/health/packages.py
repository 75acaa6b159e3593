"""Versions of lpt and of the packages that it needs."""

import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import InvalidRequirement, Requirement

from lpt.cli.health.health_report import HealthReport

__all__ = ["check_packages"]

_SHOWN = ("torch", "torchvision", "timm", "numpy", "pillow")


def check_packages(report: HealthReport) -> None:
    """Report versions, installed extras, and packages that are missing or too old."""
    report.add("lpt", _version("lpt") or "not installed")
    report.add("python", platform.python_version())
    report.add("system", f"{platform.system()} {platform.release()} {platform.machine()}")
    found = {name: _version(name) for name in _SHOWN}
    report.add(
        "packages", ", ".join(f"{name} {v or 'missing'}" for name, v in found.items()), found
    )
    check_requirements(report, requires("lpt") or ())
    if sys.platform == "win32":
        report.problem(
            "this system has no POSIX file locks: tasks predict, but cannot be trained",
            "Train on Linux or macOS.",
            is_note=True,
        )


def check_requirements(report: HealthReport, requirements: Iterable[str]) -> None:
    """Report the extras that are complete, and packages that are missing or have a wrong version.

    Args:
        requirements: as the metadata of a package lists them.
    """
    extras: dict[str, bool] = {}
    for text in requirements:
        try:
            needed = Requirement(text)
        except InvalidRequirement:
            continue
        extra = _extra(needed)
        if extra is None and needed.marker is not None and not needed.marker.evaluate():
            continue  # for another system
        held = _version(needed.name)
        fits = held is not None and needed.specifier.contains(held, prereleases=True)
        if extra is not None:
            extras[extra] = extras.get(extra, True) and fits
        elif not fits:
            report.problem(
                f"{needed.name} {held or 'is missing'}{' is installed' if held else ''}, but lpt "
                f"needs {needed.name}{needed.specifier}",
                f"Run: pip install '{needed.name}{needed.specifier}'",
            )
    for internal in ("dev", "docs"):
        extras.pop(internal, None)
    present = [name for name, complete in extras.items() if complete]
    absent = [name for name, complete in extras.items() if not complete]
    text = f"{', '.join(present) or 'none'}; not installed: {', '.join(absent) or 'none'}"
    report.add("extras", text, {"installed": present, "missing": absent})


def _extra(needed: Requirement) -> str | None:
    """The extra that a requirement belongs to."""
    marker = str(needed.marker or "")
    before, found, after = marker.partition("extra ==")
    del before
    return after.strip().strip("\"'").partition('"')[0] if found else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
