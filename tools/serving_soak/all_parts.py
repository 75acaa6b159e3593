"""The parts of the soak, one after the other."""

import tempfile
from pathlib import Path
from typing import Any

from tools.serving_soak.cycles import soak_cycles
from tools.serving_soak.mixed import soak_mixed
from tools.serving_soak.overload import soak_overload
from tools.serving_soak.slow_clients import soak_slow
from tools.serving_soak.verdict import faults

from lpt.backbones import FrozenViT


def soak(
    backbone: FrozenViT,
    *,
    tasks: int = 100,
    requests: int = 0,
    cycles: int = 0,
    overload: float = 0.0,
    times: float = 10.0,
    slow: int = 0,
    rounds: int = 6,
) -> dict[str, Any]:
    """Run the parts whose size is not 0."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="lpt-soak-") as place:
        for part in ("mixed", "cycles", "overload", "slow"):
            (Path(place) / part).mkdir()
        if requests:
            found["mixed"] = soak_mixed(Path(place) / "mixed", backbone, tasks, requests)
        if cycles:
            found["cycles"] = soak_cycles(Path(place) / "cycles", backbone, cycles)
        if overload:
            found["overload"] = soak_overload(Path(place) / "overload", backbone, overload, times)
        if slow:
            found["slow"] = soak_slow(Path(place) / "slow", backbone, slow, rounds)
    found["faults"] = faults(found)
    return found
