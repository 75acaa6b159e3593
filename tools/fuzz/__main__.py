"""Try damaged inputs of every kind: each must load, or end in one clear error.

    python -m tools.fuzz --cases 100000 [--target lists] [--seed 0] [--out fuzz-findings]
    python -m tools.fuzz --cases 1000000 --seconds 600
    python -m tools.fuzz --target lists --seed 0 --only 17

Cases depend only on target, seed and number. A finding is a case that ends in another error, takes
more than a second, or takes more memory than three times its size; its files are kept.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch
from tools.fuzz.engine import Report, reproduce, run_target
from tools.fuzz.targets import BY_NAME, TARGETS


def main() -> int:
    """Run the targets that were asked for; return 1 if there are findings."""
    parser = argparse.ArgumentParser(prog="tools.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000, help="cases of all targets together")
    parser.add_argument("--target", choices=sorted(BY_NAME), help="one target; all by default")
    parser.add_argument(
        "--seconds",
        type=float,
        help="processor time of each target, in which fast targets have more cases; CASES is "
        "then the most of each",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    parser.add_argument("--only", type=int, help="number of one case, run with its traceback")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = [options.target] if options.target else list(TARGETS)
    if options.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            reproduce(BY_NAME[names[0]], options.seed, options.only, Path(folder) / "case")
        print("loaded")
        return 0
    reports = []
    for name in names:
        began = time.monotonic()
        most = options.cases if options.seconds else -(-options.cases // len(names))
        report = run_target(
            BY_NAME[name], most, seed=options.seed, out=options.out, seconds=options.seconds
        )
        reports.append(report)
        print(f"{_line(report)}, {time.monotonic() - began:.0f} s", flush=True)
        seen: set[str] = set()
        for found in report.findings:
            if (key := f"{found.kind} {found.text[-60:]}") not in seen:
                seen.add(key)
                print(f"  {found.kind:8} case {found.index}: {found.text!r:.240}", flush=True)
    return int(any(report.findings for report in reports))


def _line(report: Report) -> str:
    return (
        f"{report.target:14} {report.loaded:7,} loaded {report.refused:7,} refused "
        f"{len(report.findings):5,} findings, slowest {report.slowest:.2f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
