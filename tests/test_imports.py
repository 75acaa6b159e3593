"""Predicting needs neither training nor its libraries, nor anything that only POSIX has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden" / "v0_1"

PREDICT = """
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

ABSENT = {"accelerate", "fcntl", "pyarrow", "resource", "sklearn", "typer", "rich"}

class Absent(MetaPathFinder, Loader):
    def find_spec(self, name, path=None, target=None):  # torch looks for some, but imports none
        return ModuleSpec(name, self) if name.partition(".")[0] in ABSENT else None

    def exec_module(self, module):
        raise ModuleNotFoundError(f"No module named '{module.__name__}'", name=module.__name__)

sys.meta_path.insert(0, Absent())
import lpt
task = lpt.load(sys.argv[1], device="cpu")
for path in sys.argv[2:]:
    print(task.predict(path)[0].labels[0])
needless = ("lpt.training", "lpt.config", "lpt.api", "lpt.cli")
print(*(name for name in sys.modules if name.startswith(needless)), sep="")
"""


def test_predicting_imports_no_training_and_nothing_that_only_posix_has(tmp_path):
    from PIL import Image

    png = GOLDEN / "images" / "7.png"
    jpeg = tmp_path / "7.jpg"
    Image.open(png).convert("RGB").save(jpeg, quality=95)
    arguments = [str(GOLDEN / "run" / "task.safetensors"), str(png), str(jpeg)]
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, *arguments], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["7", "7", "", ""]


@pytest.mark.parametrize("module", ["lpt", "lpt.cli"])
def test_importing_the_package_or_its_command_line_imports_nothing_heavy(module):
    heavy = {"torch", "numpy", "PIL", "timm", "pyarrow", "sklearn", "pydantic", "safetensors"}
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert heavy & set(loaded) == set()


HEAVY = {"torch", "torchvision", "timm", "accelerate", "sympy", "sklearn", "pyarrow"}
RUN = """
import sys, lpt.cli
sys.argv = ["lpt", *sys.argv[1:]]
try: lpt.cli.main()
except SystemExit as end: print("\\n", end.code, *sys.modules)
else: print("\\n", 0, *sys.modules)
"""
LIGHT = {
    "data list": 0,
    "data inspect nosuch": 2,
    "data inspect photos": 0,
    "data split photos split.csv": 0,
    "data longtail photos tail.csv --imbalance 2": 0,
    "predict nosuch photos": 2,
    "predict photos nosuch.jpg": 2,
    "predict photos photos --out predictions.xls": 2,
    "predict photos photos --embeddings": 2,
    "evaluate nosuch": 2,
    "evaluate photos nosuch": 2,
    "analyze nosuch": 2,
    "report photos nosuch": 2,
    "serve": 2,
    "serve nosuch": 2,
    "serve photos --host 0.0.0.0": 2,
    "serve --tasks nosuch": 2,
    "study": 0,
    "study nosuch --data photos": 2,
    "study main --list": 0,
    "study main --data photos --only nosuch": 2,
    "study main --data photos --reference nosuch": 2,
    "study main --data nosuch": 2,
    "train nosuch": 2,
    "train photos --set phase1.epoch=3": 2,
    "train photos --set phase1.epochs=many": 2,
    "train photos --recipe nosuch": 2,
    "train photos --budget soon": 2,
    "train photos --log nosuch": 2,
    "train photos --resume": 2,
    "train photos --backbone vit_bsae": 2,
    "train photos --bad-images nofile.csv": 2,
    "train photos --log nothing": 2,
    "train photos --device gpu": 2,
    "predict task.safetensors photos --device gpu": 2,
    "predict task.safetensors photos --threshold 1.5": 2,
    "predict task.safetensors photos --threshold nofile.json --accuracy 0.9": 2,
    "predict task.safetensors photos --accuracy 0.9": 2,
    "predict task.safetensors photos --output xml": 2,
    "evaluate task.safetensors photos": 2,
    "info task.safetensors": 0,
    "info run": 0,
    "info run --json": 0,
    "info nosuch": 2,
    "info photos": 2,
    "backbones": 0,
    "settings": 0,
    "settings lr": 0,
    "bench --precision banana": 2,
    "bench --device gpu": 2,
    "study main --data photos --lrs fast": 2,
    "study main --data photos --shifted a=nosuch": 2,
    "analyze task.safetensors nosuch": 2,
}
"""Commands that are over before torch is imported, and their exit codes."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    from PIL import Image

    folder = tmp_path_factory.mktemp("light")
    shutil.copy(GOLDEN / "run" / "task.safetensors", folder)  # digits: other classes than photos
    shutil.copytree(GOLDEN / "run", folder / "run")
    for name in ("cat", "dog"):
        for number in range(8):
            path = folder / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (number, 0, len(name))).save(path)
    return folder


@pytest.mark.parametrize("command", LIGHT)
def test_a_command_that_needs_no_torch_imports_none(command, photos):
    words = [sys.executable, "-c", RUN, *command.split()]
    done = subprocess.run(words, capture_output=True, text=True, cwd=photos)
    code, *loaded = done.stdout.rsplit("\n ", 1)[-1].split()
    assert int(code) == LIGHT[command], done.stderr
    assert HEAVY & set(loaded) == set()


def test_checking_images_imports_no_torch(photos):
    code = "import sys, lpt.data.check.check_result, lpt.data.check.scan; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()


NEEDLESS = {
    "accelerate",
    "pyarrow",
    "scipy",
    "sklearn",
    "sympy",
    "timm.models.naflexvit",
    "torch._dynamo",
    "torch._inductor",
    "torchvision.models.resnet",
    "torchvision.transforms.v2",
}
"""Modules that take time and that a prediction with the bundled backbone does not use."""


def test_predicting_one_image_imports_no_compiler_and_no_other_model(photos):
    words = [sys.executable, "-c", RUN, "predict", "run", str(GOLDEN / "images" / "7.png")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=photos)
    code, *loaded = done.stdout.rsplit("\n ", 1)[-1].split()
    assert code == "0", done.stderr
    assert "timm.models.vision_transformer" in loaded
    assert NEEDLESS & set(loaded) == set()
