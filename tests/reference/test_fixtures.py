"""`python -m lpt.reference`: reference numbers met, and anything else noticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from lpt.reference.__main__ import main

GOLDEN = Path(__file__).parents[1] / "golden"
FORWARD, AGCL = GOLDEN / "forward.safetensors", GOLDEN / "agcl.safetensors"


def changed_copy(source: Path, target: Path, tensor: str, by: float) -> Path:
    with safe_open(source, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    tensors[tensor] = tensors[tensor] + by
    save_file(tensors, target, metadata)
    return target


@pytest.mark.slow
def test_both_references_are_met_from_the_command_line():
    command = [sys.executable, "-m", "lpt.reference", str(FORWARD), str(AGCL)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "allowed 1e-05" in done.stdout


@pytest.mark.parametrize("path", [FORWARD, AGCL], ids=["forward", "agcl"])
def test_each_reference_is_met_with_a_line_for_every_tensor(path, capsys):
    assert main([str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    with safe_open(path, framework="pt") as file:
        kept = [name for name in file.keys()]  # noqa: C416, SIM118
    references = [n for n in kept if n.startswith(("phase1.", "out.", "grad.")) or n[0].isdigit()]
    references = [n for n in references if not n.endswith(".noise")]
    reported = {line.split()[0] for line in lines[1:-1]}
    assert reported == set(references)
    assert all(line.endswith("ok") for line in lines[1:-1])


@pytest.mark.parametrize(
    ("path", "tensor", "by"),
    [
        (FORWARD, "out.cosine_logits", 3e-5),
        (FORWARD, "grad.keys", 3e-5),
        (FORWARD, "out.matched", 1),
        (FORWARD, "lpt.keys", 0.05),
        (AGCL, "0.loss", 3e-5),
    ],
)
def test_a_changed_reference_is_noticed(path, tensor, by, tmp_path, capsys):
    copy = changed_copy(path, tmp_path / "changed.safetensors", tensor, by)
    assert main([str(copy)]) == 1
    assert "above 1e-05" in capsys.readouterr().out
    assert main([str(path), str(copy)]) == 1


def test_misuse_has_an_exit_code_of_its_own(tmp_path, capsys):
    assert main([]) == 2
    assert main([str(tmp_path / "absent.safetensors")]) == 2
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(FORWARD.read_bytes()[:5000])
    assert main([str(cut)]) == 2
    other = tmp_path / "other.safetensors"
    with safe_open(AGCL, framework="pt") as file:
        save_file({"x": file.get_tensor("in.labels")}, other, {"kind": json.dumps("none")})
    assert main([str(other)]) == 2
    assert "other.safetensors: not a fixture" in capsys.readouterr().err
