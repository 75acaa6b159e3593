"""A file that was begun is refused for other options and images before a task is loaded."""

import shutil

import pytest

from lpt.cli.predictions.partial_file import PartialFile
from lpt.errors import LptError

from ...tiny import Killed
from ..running import refused

LOADED = "a task would be loaded"


def loads(*arguments, **options):
    """Stands for what takes long: loading a task, or starting processes."""
    raise LptError(LOADED)


@pytest.fixture
def begin(lpt, tmp_path, monkeypatch):
    """Predict into p.csv until the command is killed after its first piece; then load nothing."""
    out = str(tmp_path / "p.csv")

    def call(*options):
        add, calls = PartialFile.add, iter(range(9))

        def dying(self, *arguments):
            if next(calls) == 2:
                raise Killed
            add(self, *arguments)

        with monkeypatch.context() as patch:
            patch.setattr("lpt.cli.predictions.predict_to_file.CHUNK", 20)
            patch.setattr(PartialFile, "add", dying)
            with pytest.raises(Killed):
                lpt("predict", "run", "photos", "--out", out, *options)
        monkeypatch.setattr("lpt.task.load", loads)
        monkeypatch.setattr("lpt.cli.predictions.write_predictions.WorkerPool", loads)
        return lambda *words: lpt("predict", *words, "--out", out)

    return call


@pytest.mark.parametrize("processes", ["1", "2"])
def test_other_options_and_images_are_refused_before_anything_is_loaded(
    processes, begin, home, tmp_path
):
    again, few = begin(), ("--processes", processes)
    refused(again("run", "photos", *few), LOADED)  # the same command goes on
    remedy = f"remove {tmp_path}/p.csv.partial and {tmp_path}/p.csv.partial.json to start again"
    other = shutil.copytree(home / "run", tmp_path / "other")
    file = other / "task.safetensors"
    file.write_bytes(file.read_bytes().replace(b'"ant"', b'"fly"').replace(b'\\"ant', b'\\"fly'))
    assert file.read_bytes() != (home / "run" / file.name).read_bytes()
    for words, said in (
        (("run", "photos", "--top", "2"), "begun with --top 3, not 2"),
        (("run", "photos", "--threshold", "0.5"), "begun without --threshold."),
        (("run", "photos", "--embeddings"), "begun without --embeddings."),
        (("run", "photos", "--sets", "0.9"), "begun without --sets."),
        (("run", "photos", "--match", "early"), "begun without --match."),
        (("run", "photos/dog"), "no longer the first ones"),
        ((str(other), "photos"), "begun with another RUN."),
    ):
        refused(again(*words, *few), said, remedy)


def test_an_option_that_was_left_out_later_is_noticed(begin):
    again = begin("--threshold", "0.5", "--backbone-weights", "bf16")
    refused(again("run", "photos"), "begun with --backbone-weights bf16, which is missing now.")


def test_more_classes_than_there_are_mean_all_of_them(begin):
    again = begin("--top", "99")
    refused(again("run", "photos", "--top", "98"), LOADED)
