"""SHA-256 of trained tensors, to see that a change of the code keeps the bits.

    OMP_NUM_THREADS=1 python -m tools.bits demo
    OMP_NUM_THREADS=1 python -m tools.bits baselines PHOTOGRAPHS.parquet [NAME ...]

The sums of 0.1.0 are in tests/golden/v0_1/README.md. They depend on processor and thread count.
"""

import hashlib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from lpt.baselines import baseline_names, baseline_settings, train_baseline, train_multitask
from lpt.config import load_config
from lpt.progress import SilentReporter
from lpt.studies.demo import run_demo
from lpt.training.run.training_context import TrainingContext

FILES = (
    "task.safetensors",
    "checkpoints/best-phase1-selected.safetensors",
    "checkpoints/best-phase2-selected.safetensors",
)
SETTINGS = {"phase1.epochs": 2, "phase2.epochs": 2, "seed": 0, "data.workers": 0}


def digest(tensors: Mapping[str, Tensor]) -> str:
    """Hash names, shapes and bytes, by sorted name."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        found.update(name.encode() + str(tuple(value.shape)).encode() + value.numpy().tobytes())
    return found.hexdigest()


def demo() -> None:
    """Hash the tensors of `lpt demo`, seed 0."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "demo"
        run_demo(run, 0, SilentReporter())
        for name in FILES:
            print(name, digest(load_file(run / name)), flush=True)


def baselines(source: str, names: list[str]) -> None:
    """Hash the parameters of each baseline after two epochs."""
    config = load_config("default").changed({"data.source": source, **SETTINGS})
    context = TrainingContext(config, SilentReporter())
    for name in names or baseline_names():
        if name == "multitask":
            other = config.changed({"data.source": "digits"})
            second = TrainingContext(other, SilentReporter(), backbone=context.backbone)
            settings = baseline_settings(name, epochs=1)
            trained = train_multitask([context, second], settings)
            keys = [{str(i): p for i, p in enumerate(t.stage.parameters())} for t in trained]
        else:
            stage = train_baseline(name, context, baseline_settings(name, epochs=2)).stage
            keys = [{f"{i:04d}": p for i, p in enumerate(stage.parameters()) if p.numel()}]
        print(name, *map(digest, keys), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["demo"]:
        demo()
    elif sys.argv[1:2] == ["baselines"] and len(sys.argv) > 2:
        baselines(sys.argv[2], sys.argv[3:])
    else:
        raise SystemExit(__doc__)
