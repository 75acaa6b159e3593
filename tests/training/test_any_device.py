"""Claims that hold on every device: `tools/gpu/run.sh` runs them on a GPU, the suite on the CPU.

`LPT_TEST_DEVICE` names the device. Results of two devices differ by rounding, and on GPUs torch
multiplies convolutions with ten bits of precision, so tolerances there are wider.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import lpt
from lpt.serving.service import Service

from ..tiny import SETTINGS, Killed

DEVICE = os.environ.get("LPT_TEST_DEVICE", "cpu")
ON_GPU = DEVICE != "cpu"
CLOSE = 5e-3 if ON_GPU else 1e-6

Train = Callable[..., lpt.Task]


@pytest.fixture(scope="module")
def train(photos: Path, vit: Path) -> Train:
    """Train the tiny task in a folder, on the device that is tested unless another is given."""

    def run(out: Path, device: str = DEVICE, **settings: object) -> lpt.Task:
        dotted = {name.replace("__", "."): value for name, value in settings.items()}
        return lpt.train(
            photos, backbone=vit, out=out, settings={**SETTINGS, **dotted}, device=device
        )

    return run


@pytest.fixture(scope="module")
def whole(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without interruption."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train(out)
    return out


def images(photos: Path) -> list[Path]:
    return sorted(photos.rglob("*.png"))[::5]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "task.safetensors")


def largest_difference(one: Path, other: Path) -> float:
    """Relative to the largest value of each tensor."""
    pairs = [(value, weights(other)[name]) for name, value in weights(one).items()]
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def test_a_task_predicts_as_on_the_cpu(whole: Path, photos: Path, vit: Path) -> None:
    there = lpt.load(whole, backbone=vit, device=DEVICE).predict_proba(images(photos))
    here = lpt.load(whole, backbone=vit, device="cpu").predict_proba(images(photos))
    np.testing.assert_allclose(there, here, atol=CLOSE)


def test_training_twice_gives_the_same_bits(train: Train, whole: Path, tmp_path: Path) -> None:
    train(tmp_path / "again")
    assert largest_difference(tmp_path / "again", whole) == 0


@pytest.mark.parametrize("writes", [4, 9])
def test_a_killed_run_resumes_to_the_same_bits(
    writes: int, train: Train, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, made = Path.replace, []

    def dying(self: Path, target: Path) -> Path:
        moved = replace(self, target)
        if target.name == "last.safetensors":
            made.append(target)
            if len(made) == writes:
                raise Killed
        return moved

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dying)
        with pytest.raises(Killed):
            train(tmp_path / "run")
    lpt.train(out=tmp_path / "run", resume=True, device=DEVICE)
    assert largest_difference(tmp_path / "run", whole) == 0


def test_micro_batches_change_only_rounding(train: Train, whole: Path, tmp_path: Path) -> None:
    train(tmp_path / "micro", micro_batch=3)
    assert largest_difference(tmp_path / "micro", whole) < (0.05 if ON_GPU else 1e-3)


def test_cached_views_train_on_the_device(train: Train, tmp_path: Path) -> None:
    settings = {"phase2__cached_views": 2, "augment__mixup": 0}
    for name in ("one", "other"):
        train(tmp_path / name, **settings)
    assert largest_difference(tmp_path / "one", tmp_path / "other") == 0


@pytest.mark.skipif(not ON_GPU, reason="processors without bf16 instructions refuse it")
def test_bf16_trains_to_nearly_the_same_predictions(
    train: Train, whole: Path, photos: Path, tmp_path: Path
) -> None:
    rough = train(tmp_path / "bf16", precision="bf16").predict_proba(images(photos))
    exact = lpt.load(whole, device=DEVICE).predict_proba(images(photos))
    assert np.abs(rough - exact).mean() < 0.1


@pytest.mark.skipif(not ON_GPU, reason="compiling takes a minute, and pays on GPUs only")
def test_compiled_steps_are_used_only_where_their_gradients_are_right(
    train: Train, whole: Path, tmp_path: Path
) -> None:
    """Either they are right, and the run ends nearly the same, or eager steps were taken."""
    train(tmp_path / "compiled", compile="on")
    assert largest_difference(tmp_path / "compiled", whole) < 0.05


def test_a_mixed_batch_of_the_server_answers_as_each_task_alone(
    train: Train, whole: Path, photos: Path, vit: Path, tmp_path: Path
) -> None:
    train(tmp_path / "short", phase2__epochs=0, prompts__length=3)
    runs = {"both": whole, "short": tmp_path / "short"}
    alone = {
        name: lpt.load(run, backbone=vit, device=DEVICE).predict_proba(images(photos))
        for name, run in runs.items()
    }
    with Service(
        [f"{name}={run}" for name, run in runs.items()], backbone=str(vit), device=DEVICE
    ) as service:
        asked = [
            (name, i, service.submit(name, path.read_bytes()))
            for i, path in enumerate(images(photos))
            for name in runs
        ]
        for name, i, future in asked:
            answer = future.result(60).probabilities.numpy()
            np.testing.assert_allclose(answer, alone[name][i], atol=CLOSE)
