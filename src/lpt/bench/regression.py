"""`lpt bench --check`: compare the ratios of a measurement with those of an earlier one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from lpt.errors import ConfigError
from lpt.files.json_files import Number, read_json

__all__ = ["Baseline", "Comparison", "compare", "read_baseline", "render_check"]

HIGHER = (
    "inference_speedup",
    "phase1_speedup",
    "phase2_speedup",
    "phase2_cached_speedup",
    "backbone_share",
)
"""Ratios that should not fall; also those of the structure only."""

NEWER = ("inference_early_speedup", "early_backbone_share")
"""Like `HIGHER`, where the earlier measurement has them."""

LOWER = ("memory_ratio",)
"""Ratios that should not rise."""


class _Ratios(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    inference_speedup: Number
    phase1_speedup: Number
    phase2_speedup: Number
    phase2_cached_speedup: Number
    backbone_share: Number
    inference_early_speedup: Number | None = None
    early_backbone_share: Number | None = None


class Baseline(_Ratios):
    """What is read of the JSON of an earlier `lpt bench`.

    Attributes:
        structure_only: the ratios with torch's own products.
        memory_ratio: peak memory relative to plain; None where it was not measured.
        backbone, batch, precision: of the measurement.
        machine: processor or GPU.
    """

    structure_only: _Ratios
    memory_ratio: Number | None = None
    backbone: str
    batch: int
    precision: str
    machine: str


@dataclass(frozen=True)
class Comparison:
    """A ratio then and now.

    Attributes:
        name: of the ratio; "structure_only." before those with torch's own products.
        before, now: its values.
        change: relative to `before`, positive where it is better now.
        worse: whether it is worse by more than the tolerance.
    """

    name: str
    before: float
    now: float
    change: float
    worse: bool


def read_baseline(path: Path) -> Baseline:
    """Read the JSON of an earlier `lpt bench`. Raises: ConfigError naming the file."""
    remedy = "Make it with: lpt bench --json"
    return read_json(path, TypeAdapter(Baseline), remedy=remedy, error=ConfigError)


def compare(
    result: Mapping[str, Any], baseline: Baseline, tolerance: float = 0.1
) -> list[Comparison]:
    """Compare the ratios of a result of `lpt.bench.bench` with earlier ones.

    Args:
        tolerance: relative loss that is accepted: a busy machine moves ratios by some percent.
    """
    found = []
    only = result["structure_only"]
    for prefix, then, now in (
        ("", baseline, result),
        ("structure_only.", baseline.structure_only, only),
    ):
        for name in (*HIGHER, *NEWER):
            before = getattr(then, name)
            if before is not None:
                found.append(_compared(f"{prefix}{name}", before, now[name], tolerance))
    for name in LOWER:
        before, now = getattr(baseline, name), result.get(name)
        if before is not None and now is not None:
            found.append(_compared(name, before, now, tolerance, sign=-1))
    return found


def render_check(found: list[Comparison], result: Mapping[str, Any], baseline: Baseline) -> str:
    """Format a comparison as a table, with a note where the machines differ."""
    width = max(len(one.name) for one in found)
    lines = [f"{'ratio':<{width}}  before    now  change"]
    lines += [
        f"{one.name:<{width}}  {one.before:6.2f} {one.now:6.2f}  {100 * one.change:+5.0f}%"
        f"{'  worse' if one.worse else ''}"
        for one in found
    ]
    if result["machine"] != baseline.machine:
        lines.append(f"note  measured before on another machine: {baseline.machine}")
    return "\n".join(lines)


def _compared(name: str, before: float, now: float, tolerance: float, sign: int = 1) -> Comparison:
    change = sign * (now - before) / before if before else 0.0
    change = change or 0.0  # no minus zero
    return Comparison(name, before, now, change, change < -tolerance)
