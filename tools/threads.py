"""What waiting threads cost: time of the same work, by how they wait for each other.

    python -m tools.threads [--seconds 60] [--threads 2] [--batch 16] [--busy]

One process per way of waiting does a round of work in turn, so that all meet the same load of the
machine; the fastest round of each counts. `--busy` keeps another process busy meanwhile. Run it
on an idle machine with and without `--busy`.
"""

import argparse
import os
import subprocess
import sys
import time

from lpt.machine.threads import wait_passively

WORK = """
import sys, time, torch
from lpt.bench.workload import Workload
torch.set_num_threads(int(sys.argv[1]))
variants = Workload("vit_tiny_patch8_64", int(sys.argv[2])).variants()
work = [variants[name] for name in ("lpt_inference", "lpt_phase1", "lpt_phase2")]
for one in work: one()
print(flush=True)
for _ in sys.stdin:
    began = time.perf_counter()
    for one in work: one()
    print(time.perf_counter() - began, flush=True)
"""


def measure(seconds: float, threads: int, batch: int) -> dict[str, float]:
    """Return the seconds of the fastest round: "spinning" (the library's default), "sleeping"."""
    spinning = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_", "KMP_"))}
    sleeping = dict(spinning)
    wait_passively(sleeping)
    words = [sys.executable, "-c", WORK, str(threads), str(batch)]
    processes = {
        name: subprocess.Popen(
            words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name, environment in (("spinning", spinning), ("sleeping", sleeping))
    }
    fastest = dict.fromkeys(processes, float("inf"))
    try:
        for process in processes.values():
            _line(process)
        end = time.monotonic() + seconds
        while time.monotonic() < end or float("inf") in fastest.values():
            for name, process in processes.items():
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
                fastest[name] = min(fastest[name], float(_line(process)))
    finally:
        for process in processes.values():
            process.communicate()
    return fastest


def main() -> None:
    """Print the seconds of both ways, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--busy", action="store_true")
    given = parser.parse_args()
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if given.busy else None
    try:
        found = measure(given.seconds, given.threads, given.batch)
    finally:
        if other is not None:
            other.kill()
            other.wait()
    for name, seconds in found.items():
        print(f"{name:<9} {1000 * seconds:7.1f} ms")
    print(f"sleeping takes {found['sleeping'] / found['spinning']:.3f} of spinning")


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


if __name__ == "__main__":
    main()
