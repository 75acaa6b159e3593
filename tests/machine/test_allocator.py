"""Freed memory stays with the process: the tensors of one step reuse the pages of the last."""

import subprocess
import sys

import pytest

FRESH_PAGES = """
import resource, torch
from lpt.machine.allocator import reuse_memory
if {reuse}: assert reuse_memory()
for step in range(12):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.ones(64 * 2**20 // 4) for _ in range(3)]
    del tensors
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="an allocator of Linux")
def test_a_later_step_costs_no_fresh_pages() -> None:
    """Three times 64 MiB are 49,152 pages; without the setting all are asked for in every step."""
    faults = {
        reuse: int(
            subprocess.run(
                [sys.executable, "-c", FRESH_PAGES.format(reuse=reuse)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for reuse in (True, False)
    }
    assert faults[True] < 100 < faults[False]
