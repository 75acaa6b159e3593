"""A run is exported, and the file takes its place in other commands."""

import json

from ..running import Lpt, refused


def test_an_exported_file_takes_the_place_of_the_run(lpt: Lpt, home, tmp_path):
    out = tmp_path / "run.onnx"
    code, said, err = lpt("export", "run", "--out", str(out), "--json")
    assert code == 0, err
    assert json.loads(said)["parity"]["same_classes"] == 1
    one = lpt("predict", "run", "photos/ant/00.png", "--json", "--device", "cpu")
    other = lpt("predict", str(out), "photos/ant/00.png", "--json")
    own, exported = json.loads(one[1]), json.loads(other[1])
    assert exported["labels"] == own["labels"]
    assert exported["matched"] == own["matched"]
    code, said, err = lpt("evaluate", str(out), "half", "--json")
    assert code == 0, err
    own = json.loads(lpt("evaluate", "run", "half", "--json", "--device", "cpu")[1])
    assert json.loads(said)["half"]["overall"] == own["half"]["overall"]


def test_options_that_contradict_each_other_are_refused(lpt: Lpt):
    refused(lpt("export", "run", "--shared", "s", "--format", "torch"), "--shared: takes neither")
    refused(lpt("export", "run", "--out", "task.bin"), "--out task.bin", ".onnx")
    refused(lpt("push", "run", "no name"), "write USER/NAME")
    refused(lpt("predict", "hf:nobody", "photos/ant/00.png"), "hf:USER/NAME")


def test_bench_takes_no_run(lpt: Lpt):
    refused(lpt("bench", "run", "--repeats", "1"), "is no export")
