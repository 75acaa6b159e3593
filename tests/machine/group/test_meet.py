"""A group of two real processes leaves nothing behind."""

import sys
from pathlib import Path

import pytest

from lpt.machine.group.launch import launch

SCRIPT = """
import os, sys
import torch
from lpt.machine.group.meet import join
from lpt.machine.group.place import Place

def threads():
    own = "/proc/self/task"
    names = [open(f"{own}/{number}/comm").read().strip() for number in os.listdir(own)]
    return [name for name in names if "gloo" in name]

group = join(Place.of_environment())
import timm.layers  # imports much of torch, late, as a run does
ones = torch.ones(2)
group.add_up(ones)
before = threads()
group.close()
with open(os.path.join(sys.argv[1], str(group.rank)), "w") as file:
    file.write(f"{ones.tolist()} {len(before) > 0} {threads()}")
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are read from /proc")
def test_a_closed_group_has_no_threads_left(tmp_path: Path):
    """One of them would crash the interpreter if it frees a tensor while that ends (SIGABRT)."""
    assert launch(2, [str(tmp_path)], [sys.executable, "-c", SCRIPT]) == 0
    for rank in "01":
        assert (tmp_path / rank).read_text() == "[2.0, 2.0] True []"
