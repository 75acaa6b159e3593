"""The command line: what it lists works; what goes wrong is one or two lines and exit code 2."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from lpt.errors import LptError

from .running import refused

COMMANDS = ("demo", "train", "evaluate", "predict", "backbones", "data")


def test_help_lists_the_commands_and_each_explains_itself(lpt):
    code, out, _ = lpt("--help")
    assert code == 0
    for command in COMMANDS:
        assert f" {command} " in out
        assert lpt(command, "--help")[0] == 0


def test_commands_that_nobody_has_written_are_not_listed(lpt):
    _, out, _ = lpt("--help")
    for command in ("download", "quantize", "resume"):
        assert f" {command} " not in out
        assert lpt(command)[0] == 2


def test_help_takes_no_heavy_import():
    code = (
        "import sys, lpt.cli\n"
        "sys.argv = ['lpt', '--help']\n"
        "try: lpt.cli.main()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not {"torch", "numpy", "PIL", "pyarrow"} & set(done.stderr.split())
    assert "Commands" in done.stdout


WRONG: dict[str, tuple[list[str], list[str]]] = {
    "missing data": (["train", "/no/such"], ["/no/such", "no such folder"]),
    "no data": (["train"], ["DATA: not given", "resume the run in --out with --resume"]),
    "unknown setting": (["train", "photos", "--set", "phase1.foo=3"], ["phase1.foo", "epochs"]),
    "no setting": (["train", "photos", "--set", "phase1"], ["key=value"]),
    "setting as an option": (
        ["train", "photos", "--epochs", "3"],
        ["--epochs. Give settings instead: --set phase1.epochs=VALUE --set phase2.epochs=VALUE"],
    ),
    "bad value": (["train", "photos", "--set", "seed=2020-99-99"], ["seed=2020-99-99"]),
    "unknown recipe": (["train", "photos", "--recipe", "x"], ["recipe 'x'", "paper"]),
    "unknown backbone": (["train", "photos", "--backbone", "vit_huge_x"], ["vit_huge_x"]),
    "bad budget": (["train", "photos", "--budget", "soon"], ["--budget soon"]),
    "no run to resume": (["train", "--resume", "--out", "none"], ["none", "holds no run"]),
    "resume without out": (["train", "--resume"], ["--resume: needs --out"]),
    "resume with a setting": (
        ["train", "--resume", "--out", "run", "--set", "seed=1"],
        ["--set would change the run"],
    ),
    "folder taken": (["train", "photos", "--out", "photos"], ["photos", "is not empty"]),
    "folder is a file": (["train", "photos", "--out", "vit.safetensors"], ["is a file"]),
    "no task": (["predict", "photos", "photos"], ["photos/task.safetensors", "no such file"]),
    "backbone for a task": (["predict", "vit.safetensors", "photos"], ["not a task file of lpt"]),
    "picture for a task": (["predict", "photos/ant/00.png", "photos"], ["not a readable"]),
    "unknown device": (["predict", "run", "photos", "--device", "gpu"], ["--device 'gpu'"]),
    "large seed": (["train", "photos", "--set", "seed=99999999999"], ["seed", "4,294,967,295"]),
    "no picture": (["predict", "run", "none.png"], ["none.png", "no such file"]),
    "missing data to score": (["evaluate", "run", "/no/such"], ["/no/such"]),
    "missing data to inspect": (["data", "inspect", "/no/such"], ["/no/such"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_in_two_lines_and_nothing_is_written(case, lpt, home):
    before = sorted(home.rglob("*"))
    arguments, said = WRONG[case]
    refused(lpt(*arguments), *said)
    assert sorted(home.rglob("*")) == before


def test_a_file_that_is_not_an_image_has_a_row_that_says_so_and_exit_code_2(lpt):
    code, out, err = lpt("predict", "run", "vit.safetensors")
    assert (code, err) == (2, "lpt: 1 of 1 images could not be read; their rows say why.\n")
    assert out.startswith("vit.safetensors  error: not an image of a supported format")


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_traceback():
    """lpt backbones | head -1"""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "lpt", "backbones"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert "Traceback" not in done.stderr


def test_the_version_is_that_of_the_package(lpt):
    assert lpt("--version")[:2] == (0, f"lpt {version('lpt')}\n")


@pytest.mark.filterwarnings("default::lpt.deprecation.RenamedWarning")
def test_an_old_option_works_with_a_warning_of_one_line(lpt):
    _, _, err = lpt("study", "ensemble", "--list")
    assert err.splitlines()[0].startswith("lpt: warning: study ensemble is now top-k.")


THREADS = """
import os, sys, lpt.cli
sys.argv = ["lpt", *sys.argv[1:]]
try: lpt.cli.main()
except SystemExit: print(*(os.environ.get(n) for n in ("GOMP_SPINCOUNT", "OMP_NUM_THREADS")))
"""


@pytest.mark.parametrize("command", ["train no-data", "study nosuch"])
def test_threads_are_set_before_torch_is_imported(command, tmp_path):
    words = [sys.executable, "-c", THREADS, *command.split(), "--threads", "3"]
    environment = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.stdout.split() == ["10000", "3"], done.stderr


@pytest.mark.parametrize(
    "words",
    [
        *("demo", "train .", "study", "predict . .", "evaluate .", "analyze .", "report ."),
        *("bench", "data inspect .", "data check .", "data split . x.csv"),
        *("data longtail . x.csv", "data bench ."),
    ],
)
def test_every_command_that_computes_takes_threads(lpt, monkeypatch, words):
    def use_threads(number):
        raise LptError(f"{number} threads are used.")

    for module in ("options", "predict", "reports", "study", "train", "use"):
        monkeypatch.setattr(f"lpt.cli.{module}.use_threads", use_threads)
    refused(lpt(*words.split(), "--threads", "3"), "3 threads are used")


@pytest.mark.parametrize("number", ["0", "-1", "1025", "two"])
def test_a_number_of_threads_that_cannot_be_is_refused(lpt, number):
    code, _, err = lpt("predict", "none", "none", "--threads", number)
    assert code == 2
    assert "--threads" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bench", "--batch", "x"), "--batch 'x': must be a whole number, such as 5."),
        (("bench", "--batch", "0"), "--batch '0': must be at least 1."),
        (("train", "photos", "--seed", "-1"), "--seed '-1': must be at least 0."),
        (
            ("predict", "run", "photos", "--output", "xml"),
            "--output: 'xml' is not one of 'table', 'csv', 'jsonl'.",
        ),
    ],
)
def test_a_value_that_an_option_does_not_take_is_named_with_what_it_takes(words, said, lpt):
    result = lpt(*words)
    refused(result, said, f"{words[0]} --help")
    assert "Value error" not in result[2]
    assert ".." not in result[2]
