"""Compiled steps: when they pay, that they give the same numbers, and failures of the compiler."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lpt.backbones import FrozenViT
from lpt.config import load_config
from lpt.records import Output
from lpt.training.engine.compilation import COMPILE_STEPS, compile_if_right, compile_pays
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.engine.step_batch import Inputs
from lpt.training.run.device_setup import make_accelerator

from ...contracts.test_stages import STAGES
from ...tiny import config, tensors_of, train
from .test_step import IMAGES, LABELS

ROOT = Path(__file__).parents[3]
CPU, GPU = torch.device("cpu"), torch.device("cuda")

COMPARED = """
import torch
from torch._dynamo.utils import counters
from tests.contracts.test_stages import STAGES
from tests.training.engine.test_step import IMAGES, LABELS
from lpt.training.engine.stage import Progress

torch.set_num_threads(1)
for name in ("phase 1", "phase 2"):
    torch.manual_seed(1)
    stage = STAGES[name]("dual", 0.4).train()
    stage.model.classifier.dropout = 0.3

    def step():
        torch.manual_seed(3)
        stage.zero_grad()
        stage(stage.draw({"images": IMAGES}, LABELS), Progress(0, 4)).total.backward()
        return [p.grad.clone() for group in stage.param_groups().values() for p in group]

    wanted = step()
    stage.compile_steps("aot_eager")
    for found, other in zip(step(), wanted):
        assert (found - other).abs().max() <= 1e-5 * other.abs().max(), name
    assert counters["stats"]["unique_graphs"] >= 1 and not counters["graph_break"], counters
"""


@pytest.mark.slow
def test_compiled_steps_give_the_gradients_of_eager_ones_in_one_graph_a_half():
    """In a separate process, without the shape checks of the test suite."""
    done = subprocess.run(
        [sys.executable, "-c", COMPARED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_auto_compiles_only_long_phases_on_gpus():
    assert compile_pays("auto", GPU, COMPILE_STEPS)
    assert not compile_pays("auto", GPU, COMPILE_STEPS - 1)
    assert not compile_pays("auto", CPU, 10 * COMPILE_STEPS)
    assert compile_pays("on", CPU, 1)
    assert not compile_pays("off", GPU, 10 * COMPILE_STEPS)


@pytest.mark.parametrize(("given", "kept"), [(True, "on"), (False, "off"), ("auto", "auto")])
def test_yaml_booleans_on_and_off_are_accepted(given, kept):
    assert load_config().changed({"compile": given}).compile == kept


def compiled_as(stage: Stage, output: Callable[[Inputs], Output]) -> list[str]:
    """Replace the compiled second half by `output`; return the messages."""
    messages: list[str] = []
    trainable = [p for group in stage.param_groups().values() for p in group]
    stage.compile_steps = lambda: setattr(stage, "compiled", (stage.frozen, output))
    compile_if_right(
        make_accelerator("auto", "cpu"),
        stage,
        torch.optim.SGD(trainable, lr=1.0),
        {"images": IMAGES},
        LABELS,
        Progress(0, 4),
        seed=2,
        micro=MicroBatch(None, messages.append),
    )
    assert all(p.grad is None for p in trainable)
    return messages


@pytest.mark.parametrize("name", ["phase 1", "phase 2"])
def test_steps_whose_gradients_are_right_stay_compiled(name):
    stage = STAGES[name]("dual", 0.4).train()
    (message,) = compiled_as(stage, stage.output)
    assert stage.compiled is not None
    assert message.startswith("compile   ")
    assert message.endswith(" s")


def test_right_logits_with_wrong_gradients_are_noticed_and_change_nothing():
    """As in torch 2.15: only the gradients of the group prompts were wrong."""
    stage = STAGES["phase 2"]("dual", 0.0).train()
    pool = stage.model.pool
    before = pool.prompts.detach().clone()

    def wrong(inputs: Inputs) -> Output:
        pool.prompts.requires_grad_(False)
        constant = stage.output(inputs)
        pool.prompts.requires_grad_(True)
        nothing = 0 * pool.prompts.sum()
        return replace(constant, logits=constant.logits + nothing)

    (message,) = compiled_as(stage, wrong)
    assert stage.compiled is None
    assert "gradients differ by 1e+00 of the largest" in message
    assert torch.equal(pool.prompts, before)


def test_a_compiled_run_checks_its_first_steps_and_ends_the_same(
    photos: Path, backbone: FrozenViT, tmp_path: Path, monkeypatch
):
    """With a compiler that changes nothing: the check affects neither weights nor randomness."""
    checked: list[str] = []

    def compile_steps(stage: Stage) -> None:
        checked.append(stage.name)
        stage.compiled = (stage.frozen, stage.output)

    monkeypatch.setattr(Stage, "compile_steps", compile_steps)
    for setting in ("off", "on"):
        train(config(photos).changed({"compile": setting}), tmp_path / setting, backbone)
    assert checked == ["phase1", "phase2"]
    plain, compiled = tensors_of(tmp_path / "off"), tensors_of(tmp_path / "on")
    assert [name for name in plain if not torch.equal(plain[name], compiled[name])] == []


@pytest.mark.parametrize("name", ["phase 1", "phase 2"])
def test_steps_that_torch_cannot_compile_run_uncompiled(name):
    stage, messages = STAGES[name]("dual", 0.0).train(), []

    def broken(_):
        raise RuntimeError("no compiler here\nand more")

    def step() -> dict[str, float]:
        return train_step(
            make_accelerator("auto", "cpu"),
            stage,
            None,
            {"images": IMAGES},
            LABELS,
            Progress(0, 4),
            seed=2,
            micro=MicroBatch(None, messages.append),
        )

    wanted = step()
    stage.compiled = (stage.frozen, broken)
    assert step() == wanted
    assert stage.compiled is None
    assert messages == ["compile   failed; steps run uncompiled (no compiler here)"]
