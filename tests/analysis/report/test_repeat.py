"""Commands of the report can be pasted into a shell."""

import shlex
from pathlib import Path

from lpt.analysis.report.repeat import given_command, repeat_command, without_command
from lpt.config import RunConfig


def test_the_run_is_repeated_from_its_own_configuration() -> None:
    config = RunConfig().changed({"data.source": "/my photos/birds"})
    words = shlex.split(repeat_command(config, Path("runs/one two")))
    assert words == [
        *("lpt", "train", "/my photos/birds", "--recipe", "runs/one two/config.yaml"),
        *("--out", "runs/one two-again"),
    ]


def test_the_typed_command_is_quoted_and_its_folder_left_out() -> None:
    typed = {"command": ["/somewhere/bin/lpt", "train", "my photos", "--budget", "20m"]}
    assert given_command(typed) == "lpt train 'my photos' --budget 20m"
    module = {"command": ["/site/lpt/__main__.py", "train", "my photos"]}
    assert given_command(module) == "python -m lpt train 'my photos'"
    assert given_command({}) == given_command({"command": "lpt"}) == ""


def test_control_characters_of_names_are_quoted() -> None:
    config = RunConfig().changed({"data.source": "/my\x1b[31mphotos"})
    assert repeat_command(config, Path("run")).startswith(r"lpt train $'/my\x1b[31mphotos' ")
    assert given_command({"command": ["lpt", "train", "k\udcf6nig"]}) == r"lpt train $'k\xf6nig'"


def test_images_are_left_out_with_the_configuration_of_the_run() -> None:
    config = RunConfig().changed({"data.source": "/my photos/birds"})
    command = without_command(config, Path("my run"), Path("my run/analysis/suspects.csv"))
    assert shlex.split(command) == [
        *("lpt", "train", "/my photos/birds", "--recipe", "my run/config.yaml"),
        *("--bad-images", "my run/analysis/suspects.csv"),
    ]
