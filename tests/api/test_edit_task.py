"""Classes of a trained task change into a new file, from Python."""

import numpy as np
import pytest
from PIL import Image

import lpt
from lpt import api
from lpt.errors import DataError, ParameterError
from lpt.task.task_digest import task_digest

from ..serving.many_tasks import write_lively
from ..tiny import SETTINGS, write_photos


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run on photos of four classes, and photos of a fifth."""
    root = tmp_path_factory.mktemp("edit")
    vit = write_lively(root / "vit.safetensors", depth=3)
    settings = {**SETTINGS, "phase1.epochs": 0, "phase2.epochs": 0}
    data = write_photos(root / "photos")
    lpt.train(data, backbone=vit, out=root / "run", settings=settings, device="cpu")
    (root / "eel").mkdir()
    noise = np.random.default_rng(1)
    for number in range(8):  # stripes, of a brightness that two of the classes have
        pixels = noise.integers(0, 40, (18, 18, 3), dtype=np.uint8)
        pixels[::4] += 160
        Image.fromarray(pixels).save(root / "eel" / f"{number}.png")
    return root


def eels(place):
    return sorted((place / "eel").iterdir())


def test_an_added_class_is_predicted_and_the_others_stay(place, tmp_path):
    out, before = tmp_path / "new.safetensors", task_digest(place / "run")
    placed = api.add_class(
        place / "run", "eel", eels(place)[:4], out=out, most_lost=0.2, device="cpu"
    )
    task, old = lpt.load(out, backbone=str(place / "vit.safetensors")), lpt.load(place / "run")
    assert task.class_names == ("ant", "bee", "cat", "dog", "eel")
    assert task.spec.class_counts == (*old.spec.class_counts, 4)
    assert task.spec.history[-1].source == before == task_digest(place / "run")
    pictures = [*eels(place), *sorted((place / "photos" / "ant").iterdir())]
    logits, wanted = task.predict_proba(pictures), old.predict_proba(pictures)
    among = logits[:, :4] / logits[:, :4].sum(axis=1, keepdims=True)
    assert among == pytest.approx(wanted, abs=1e-4)
    assert (logits[:4].argmax(axis=1) == 4).sum() == placed.own
    assert placed.lost <= 0.2 * placed.old_images


def test_other_data_stands_in_for_that_of_the_run(place, tmp_path):
    file = place / "run" / "task.safetensors"
    backbone = {"backbone": str(place / "vit.safetensors"), "device": "cpu"}
    with pytest.raises(ParameterError, match="others: a task file does not hold images"):
        api.add_class(file, "eel", eels(place), out=tmp_path / "a.safetensors", **backbone)
    api.add_class(
        file,
        "eel",
        eels(place),
        out=tmp_path / "a.safetensors",
        others=place / "photos",
        **backbone,
    )
    again = tmp_path / "b.safetensors"
    api.add_class(
        tmp_path / "a.safetensors",
        "fox",
        np.random.default_rng(0).random((3, 16, 16, 3)),
        out=again,
        others=place / "photos",
        **backbone,
    )
    assert lpt.load(again, backbone=backbone["backbone"]).class_names[-2:] == ("eel", "fox")


@pytest.mark.parametrize(
    ("name", "photos", "options", "error", "said"),
    [
        ("ant", None, {}, ParameterError, "'ant' exists already"),
        ("eel", [], {}, DataError, "no photo was given"),
        ("eel", ["none.png"], {}, DataError, "none.png"),
        ("eel", None, {"most_lost": 1.5}, ParameterError, "most_lost 1.5"),
        ("eel", None, {"others": "nowhere"}, DataError, "nowhere"),
    ],
)
def test_what_cannot_be_added_leaves_no_file(place, tmp_path, name, photos, options, error, said):
    out = tmp_path / "new.safetensors"
    given = eels(place) if photos is None else photos
    with pytest.raises(error, match=said):
        api.add_class(place / "run", name, given, out=out, device="cpu", **options)
    assert list(tmp_path.iterdir()) == []


def test_every_change_writes_a_new_file_and_none_replaces_one(place, tmp_path):
    run, changed = place / "run", []
    for number, change in enumerate(
        (
            lambda out: api.rename_class(run, "ant", "emmet", out=out),
            lambda out: api.remove_classes(run, ["ant"], out=out),
            lambda out: api.merge_classes(run, ["ant", "bee"], "bug", out=out),
        )
    ):
        out = tmp_path / f"{number}.safetensors"
        change(out)
        changed.append(lpt.load(out, backbone=str(place / "vit.safetensors")).class_names)
        with pytest.raises(ParameterError, match="exists already"):
            change(out)
    assert changed == [
        ("emmet", "bee", "cat", "dog"),
        ("bee", "cat", "dog"),
        ("bug", "cat", "dog"),
    ]
