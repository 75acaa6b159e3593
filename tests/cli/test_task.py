"""lpt task: from one task file to the next, with every wrong name answered."""

import json

import pytest

from .running import refused


def test_a_task_goes_through_every_change(lpt, home, tmp_path):
    files = [str(tmp_path / f"{number}.safetensors") for number in range(4)]
    steps = [
        ("rename-class", "run", "ant", "emmet", "--out", files[0]),
        ("merge-classes", files[0], "emmet", "bee", "--into", "bug", "--out", files[1]),
        ("remove-class", files[1], "dog", "--out", files[2]),
    ]
    for step in steps:
        assert lpt("task", *step) == (0, f"task file {step[-1]}\n", "")
    names = json.loads(lpt("task", "show", files[2], "--json")[1])["task"]["class_names"]
    assert names == ["bug", "cat"]
    _, out, _ = lpt("task", "show", files[2])
    history = out.partition("history, oldest first\n")[2].splitlines()
    assert [line.split()[1] for line in history] == [step[0] for step in steps]
    _, out, _ = lpt("task", "diff", "run", files[2])
    assert out.splitlines()[:2] == ["added     1 class: bug", "removed   3 classes: ant, bee, dog"]
    assert json.loads(lpt("task", "diff", "run", "run", "--json")[1])["added"] == []


def test_an_added_class_is_reported_with_its_cost(lpt, home, tmp_path):
    out = str(tmp_path / "new.safetensors")
    arguments = ("task", "add-class", "run", "eel", "photos/dog", "--out", out, "--quiet")
    code, shown, err = lpt(*arguments, "--most-lost", "0.1")
    assert (code, err) == (0, "")
    added, others, file = shown.splitlines()
    assert added.startswith("added     eel: 3 photos, ")
    assert "are right" in others
    assert file == f"task file {out}"
    refused(lpt(*arguments), "exists already. Choose another name")
    code, shown, _ = lpt("predict", out, "photos/dog", "--backbone", "vit.safetensors")
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rename-class", "run", "Ant", "x", "--out", "new.safetensors"), "Nearest: ant"),
        (("remove-class", "run", "bees", "--out", "new.safetensors"), "Nearest: bee"),
        (("remove-class", "run", "bee", "--out", "new.pt"), "--out new.pt: give a name that ends"),
        (("remove-class", "none", "bee", "--out", "new.safetensors"), "none: no such file"),
        (("remove-class", "vit.safetensors", "bee", "--out", "new.safetensors"), "not a task file"),
        (("merge-classes", "run", "bee", "--into", "x", "--out", "new.safetensors"), "two or more"),
        (("diff", "run", "nowhere"), "nowhere: no such file"),
        (
            ("add-class", "run/task.safetensors", "eel", "photos/dog", "--out", "new.safetensors"),
            "--others: a task file does not hold images",
        ),
        (
            ("add-class", "run", "bee", "photos/dog", "--out", "new.safetensors"),
            "'bee' exists already",
        ),
    ],
)
def test_what_makes_no_task_is_refused(arguments, said, lpt, home):
    refused(lpt("task", *arguments), said)
    assert not (home / "new.safetensors").exists()
