"""The parts of the tool that kills runs; the runs themselves take minutes."""

import subprocess
import sys

import torch
from safetensors.torch import save_file
from tools.scale.kills import SETTINGS, children_of, command, same_tensors

from lpt.config import load_config


def test_the_settings_exist_and_reach_the_command(tmp_path):
    load_config("default").changed(SETTINGS)
    new = command(tmp_path / "run", 2, ["phase1.epochs=1"], resume=False)
    assert "--set=phase1.epochs=1" in new
    assert "--resume" in command(tmp_path / "run", 2, [], resume=True)


def test_one_bit_is_a_difference(tmp_path):
    for run, value in (("one", 1.0), ("same", 1.0), ("other", 1.0 + 2**-23)):
        (tmp_path / run / "checkpoints").mkdir(parents=True)
        for name in ("task.safetensors", "checkpoints/last.safetensors"):
            save_file({"a": torch.tensor([value])}, tmp_path / run / name)
    assert same_tensors(tmp_path / "one", tmp_path / "same")
    assert not same_tensors(tmp_path / "one", tmp_path / "other")


def test_children_are_found_in_the_order_in_which_they_were_started():
    script = (
        "import subprocess, sys;"
        "c = [subprocess.Popen(['sleep', '20']) for _ in range(2)];"
        "print(*(p.pid for p in c), flush=True); sys.stdin.read(); [p.kill() for p in c]"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        wanted = [int(word) for word in parent.stdout.readline().split()]
        assert children_of(parent.pid) == wanted
        parent.stdin.close()
