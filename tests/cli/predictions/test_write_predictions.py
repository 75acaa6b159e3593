"""`lpt predict --out` from the command line."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import lpt as package
from lpt.cli.predictions import predict_to_file
from lpt.cli.predictions import write_predictions as module
from lpt.cli.predictions.partial_file import PartialFile
from lpt.cli.predictions.shared.worker_pool import WorkerPool
from lpt.errors import LptError

from ...tiny import Killed
from ..running import refused


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_the_file_holds_the_rows_that_would_be_printed(lpt, tmp_path, monkeypatch):
    monkeypatch.setattr(predict_to_file, "_EVERY", 0.0)
    _, printed, _ = lpt("predict", "run", "photos", "--output", "csv")
    code, out, err = lpt("predict", "run", "photos", "--out", str(tmp_path / "p.csv"))
    assert (code, out) == (0, "")
    assert (tmp_path / "p.csv").read_text() == printed
    assert err.splitlines()[-1] == f"{tmp_path / 'p.csv'}: 51 images"
    assert err.splitlines()[-2].startswith("predict   51 of 51 images, ")


def test_features_are_those_of_the_task(lpt, home, tmp_path):
    out = tmp_path / "p.parquet"
    code, *_ = lpt("predict", "run", "photos/dog", "--out", str(out), "--embeddings", "--top", "1")
    assert code == 0
    table = pq.read_table(out).to_pydict()
    task = package.load(home / "run", device="cpu")
    wanted = task.embed([home / path for path in table["path"]])
    assert np.array_equal(np.float32(table["feature"]), wanted)
    assert table["label"] == [p.labels[0] for p in task.predict([home / p for p in table["path"]])]


def test_bad_images_are_listed_and_not_fatal(lpt, home, tmp_path):
    photos = shutil.copytree(home / "photos" / "ant", tmp_path / "ant")
    (photos / "03.png").write_bytes(b"no image")
    (photos / "notes.txt").write_text("hello")
    out = tmp_path / "p.jsonl"
    code, _, err = lpt("predict", "run", str(photos), "none.png", "--out", str(out))
    assert code == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [Path(row["path"]).name for row in found if row["error"]] == ["03.png", "none.png"]
    assert "2 could not be read, such as" in err
    assert "left out  1 file that is not an image (notes.txt)" in err


def test_images_are_sorted_into_folders(lpt, home, tmp_path):
    arguments = ("--out", str(tmp_path / "p.csv"), "--sort-into", str(tmp_path / "by class"))
    code, *_ = lpt("predict", "run", "photos", *arguments, "--threshold", "0.4", "--copy")
    assert code == 0
    for row in rows(tmp_path / "p.csv"):
        name = "not sure" if row["unsure"] == "yes" else row["label"]
        copies = list((tmp_path / "by class" / name).glob(f"{Path(row['path']).stem}*.png"))
        assert (home / row["path"]).read_bytes() in [copy.read_bytes() for copy in copies]
    assert sum(1 for p in (tmp_path / "by class").rglob("*.png")) == 51


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--out", "p.txt"), "--out p.txt: unknown format"),
        (("--out", "p.csv", "--json"), "--out: its suffix decides"),
        (("--embeddings",), "--embeddings: needs --out"),
        (("--out", "p.csv", "--copy"), "--copy: needs --sort-into"),
        (("--out", "p.csv", "--sort-into", "photos/x"), "--sort-into photos/x: is inside photos"),
        (("--out", "vit.safetensors/p.csv"), "cannot be written"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said, lpt):
    refused(lpt("predict", "run", "photos", *options), said)


def test_a_file_is_never_replaced_and_never_continued_with_other_arguments(lpt, home, tmp_path):
    out = tmp_path / "p.csv"
    out.write_text("mine")
    refused(lpt("predict", "run", "photos", "--out", str(out)), "exists already")
    assert out.read_text() == "mine"


def test_a_stopped_command_says_how_to_continue(lpt, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("lpt.cli.predictions.write_predictions.predict_to_file", stop)
    code, out, err = lpt("predict", "run", "photos", "--out", str(tmp_path / "p.csv"))
    assert (code, out) == (130, "")
    assert err.endswith("0 images are predicted; repeat the command to continue.\n")


COUNT = 6_000


@pytest.mark.slow
def test_a_killed_command_continues_and_gives_the_same_file(home, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(COUNT):  # as many names, three images
        os.link(home / "photos" / "dog" / f"{number % 3:02d}.png", photos / f"{number:05d}.png")
    (photos / "00777.png").unlink()
    (photos / "00777.png").write_bytes(b"no image")

    def command(out):
        words = [sys.executable, "-m", "lpt", "predict", str(home / "run"), str(photos)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*words, "--out", str(out), "--device", "cpu"],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    for _ in range(2):
        state = tmp_path / "killed.csv.partial.json"
        before = state.read_text() if state.exists() else ""
        with command(tmp_path / "killed.csv") as process:
            while process.poll() is None:
                if state.exists() and state.read_text() not in ("", before):
                    process.kill()
                time.sleep(0.02)
            assert process.returncode == -signal.SIGKILL
    with command(tmp_path / "killed.csv") as process:
        _, err = process.communicate()
        assert process.returncode == 0, err
        assert "are there already" in err
    with command(tmp_path / "whole.csv") as whole:
        _, err = whole.communicate()
    assert f"{COUNT:,} images; 1 could not be read" in err
    assert (tmp_path / "killed.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len(rows(tmp_path / "whole.csv")) == COUNT


def close(found: Path, wanted: Path) -> bool:
    """Whether two files hold the same rows, probabilities to rounding."""
    pairs = list(zip(rows(found), rows(wanted), strict=True))
    return all(
        one[column] == other[column]
        if not column.startswith("probability")
        else abs(float(one[column] or 0) - float(other[column] or 0)) < 1e-5
        for one, other in pairs
        for column in other
    )


class Killing(WorkerPool):
    """Kills one process after the first piece."""

    def pieces(self, chunks):
        for number, piece in enumerate(super().pieces(chunks)):
            if number == 0:
                os.kill(self.pids[1], signal.SIGKILL)
            yield piece


@pytest.mark.slow
def test_two_processes_write_the_rows_of_one_also_if_one_is_killed(
    lpt, home, tmp_path, monkeypatch
):
    (tmp_path / "bad.png").write_bytes(b"no image")
    given = ("predict", "run", "photos", str(tmp_path / "bad.png"), "none.png", "--threads", "1")
    sorted_, wanted = tmp_path / "by class", tmp_path / "one.csv"
    more = ("--sort-into", str(sorted_), "--out", str(tmp_path / "two.csv"))
    assert lpt(*given, "--out", str(wanted))[0] == 0
    monkeypatch.setattr(module, "SHARE", 4)
    monkeypatch.setattr(module, "WorkerPool", Killing)
    code, out, err = lpt(*given, *more, "--processes", "2")
    assert (code, out) == (0, "")
    assert "process 1 of 0 to 1 was killed (SIGKILL); 1 of them left" in err
    assert err.splitlines()[-1].startswith(f"{tmp_path / 'two.csv'}: 53 images; 2 could not be")
    assert close(tmp_path / "two.csv", wanted)
    assert sum(len(list(folder.iterdir())) for folder in sorted_.iterdir()) == 51


@pytest.mark.slow
def test_a_file_is_continued_in_another_number_of_processes(lpt, tmp_path, monkeypatch):
    out = tmp_path / "p.csv"
    given = ("predict", "run", "photos", "--threads", "1")
    assert lpt(*given, "--out", str(tmp_path / "whole.csv"))[0] == 0
    with monkeypatch.context() as patch:
        patch.setattr(predict_to_file, "CHUNK", 20)
        add, calls = PartialFile.add, iter(range(9))

        def dying(self, *arguments):
            if next(calls) == 3:
                raise Killed
            add(self, *arguments)

        patch.setattr(PartialFile, "add", dying)
        with pytest.raises(Killed):
            lpt(*given, "--out", str(out))
    monkeypatch.setattr(predict_to_file, "_EVERY", 0.0)
    code, _, err = lpt(*given, "--out", str(out), "--processes", "2")
    assert code == 0
    assert "40 images are there already" in err
    assert "predict   51 of 51 images, " in err
    assert close(out, tmp_path / "whole.csv")


class Loading:
    """Stands for processes that are loading their tasks, and never end with it."""

    def __init__(self, *arguments):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def facts(self):
        raise LptError("stopped while they load")


def test_several_processes_say_what_they_predict_before_they_are_ready(lpt, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WorkerPool", Loading)
    result = lpt("predict", "run", "photos", "--out", str(tmp_path / "p.csv"), "--processes", "2")
    refused(result, "stopped while they load")
    assert result[2].splitlines()[0] == "predict   51 images in 2 processes"


def test_several_processes_need_a_file_and_no_estimate(lpt, tmp_path):
    out = str(tmp_path / "p.csv")
    refused(lpt("predict", "run", "photos", "--processes", "2"), "--processes: needs --out")
    estimate = ("--prior", "estimate", "--out", out)
    refused(lpt("predict", "run", "photos", *estimate, "--processes", "2"), "--prior estimate")
    result = lpt("predict", "nowhere", "photos", "--out", out, "--processes", "2")
    refused(result, "nowhere")
    assert result[2].count("nowhere") == 1
    assert list(tmp_path.glob("p.csv*")) == []
