"""Predictions are in the order of their images, whatever form these have."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lpt.data.sources.open_data import open_data
from lpt.deprecation import RenamedWarning
from lpt.errors import DataError, ParameterError, TaskFileError
from lpt.task import Task, find_images
from lpt.task_file import save_task

from ..test_task_file import model_for, spec_for
from ..tiny import backbone_of, write_backbone, write_photos

NAMES = {"class_names": ("ant", "bee", "cat", "dog"), "class_counts": (30, 12, 6, 3)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    backbone = backbone_of(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))
    spec = spec_for(backbone, **NAMES)
    return Task(model_for(backbone, spec), spec)


def test_predictions_do_not_depend_on_batch_or_company(task, photos):
    pictures = find_images([photos / "ant"])
    together = task.predict(pictures, batch_size=7, top=4)
    for path, prediction in zip(pictures[:3], together, strict=False):
        (alone,) = task.predict([path], top=4)
        assert alone.labels == prediction.labels
        assert alone.matched == prediction.matched
        assert alone.probabilities == pytest.approx(prediction.probabilities, abs=1e-5)


def test_more_classes_than_there_are_give_all(task, photos):
    (prediction,) = task.predict([photos / "ant" / "00.png"], top=99)
    assert set(prediction.labels) == set(NAMES["class_names"])
    assert sum(prediction.probabilities) == pytest.approx(1)


def test_temperature_sharpens_probabilities_and_changes_no_order(task, photos):
    sharp = Task(task.model, task.spec.model_copy(update={"temperature": 0.01}))
    pictures = find_images([photos / "bee"])
    for soft, hard in zip(task.predict(pictures), sharp.predict(pictures), strict=True):
        assert soft.labels == hard.labels
        assert hard.probabilities[0] >= soft.probabilities[0]


def test_progress_counts_every_image(task, photos):
    seen: list[int] = []
    task.predict(find_images([photos / "ant"]), batch_size=8, on_batch=seen.append)
    assert sum(seen) == 30


@pytest.mark.parametrize("chunk", [1, 3, 512])
def test_each_path_has_a_prediction_or_the_reason_why_not(task, photos, tmp_path, chunk):
    whole = find_images([photos / "ant"])[:20]
    text = tmp_path / "text.png"
    text.write_text("no image")
    given = [*whole[:4], text, *whole[4:], text]
    found = list(task.predict_each(given, top=2, chunk=chunk))
    assert [f.path for f in found if not isinstance(f, DataError)] == [str(p) for p in whole]
    told = [i for i, f in enumerate(found) if isinstance(f, DataError)]
    assert told == [4, len(given) - 1]
    assert all("text.png" in str(found[i]) for i in told)


def test_evaluation_agrees_with_predictions(task, photos):
    data = open_data(photos, val_fraction=0, test_fraction=0)
    split = data.split("train")
    paths = [split.ref(i).path for i in range(len(split))]
    first = [prediction.labels[0] for prediction in task.predict(paths, top=1)]
    wanted = np.mean(
        [data.class_names[y] == name for y, name in zip(split.labels, first, strict=True)]
    )
    assert task.evaluate(split).overall == pytest.approx(wanted)


def test_a_split_without_images_is_refused(task, photos):
    split = open_data(photos).split("train").take([])
    with pytest.raises(DataError, match="has no images to evaluate"):
        task.evaluate(split)


def test_a_folder_that_is_no_run_has_no_task(tmp_path):
    with pytest.raises(TaskFileError, match=r"no such file\. Give a task file, or the folder"):
        Task.load(tmp_path)


def test_loaded_from_its_file_it_says_the_same(task, photos, tmp_path):
    save_task(tmp_path / "task.safetensors", task.model, task.spec)
    loaded = Task.load(tmp_path, task.spec.backbone.name, "cpu")
    assert not loaded.model.training
    assert loaded.groups == task.groups
    pictures = find_images([photos / "cat"])
    assert loaded.predict(pictures) == task.predict(pictures)
    split = open_data(photos).split("train")
    assert np.array_equal(loaded.run(split).logits, task.run(split).logits)
    assert torch.equal(loaded.model.pool.keys, task.model.pool.keys)


# Images in every form


def forms(path: Path) -> list[Any]:
    """One picture in every form that a caller may have it."""
    image = Image.open(path)
    pixels = np.asarray(image)
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    return [
        path,
        str(path),
        path.read_bytes(),
        bytearray(path.read_bytes()),
        image,
        pixels,
        pixels / 255,
        (pixels / 255).astype(np.float32),
        tensor,
        tensor.float() / 255,
    ]


def test_a_picture_gives_the_same_bits_in_every_form_alone_and_together(task, photos):
    """Together: a batch of equal pictures, so that only the form can make a difference."""
    path = photos / "ant" / "00.png"
    given = forms(path)
    probabilities, features = task.predict_proba(given), task.embed(given)
    assert probabilities.shape == (len(given), 4)
    assert features.shape == (len(given), 16)
    assert np.array_equal(probabilities, task.predict_proba([path] * len(given)))
    assert np.array_equal(features, task.embed([path] * len(given)))
    (wanted,) = task.predict(path)
    proba, feature = task.predict_proba(path), task.embed(path)
    for form in forms(path):
        (prediction,) = task.predict(form)
        assert prediction.probabilities == wanted.probabilities
        assert prediction.matched == wanted.matched
        assert np.array_equal(task.predict_proba([form]), proba)
        assert np.array_equal(task.embed(form), feature)


def test_batches_generators_and_arrays_of_paths_are_lists_of_images(task, photos):
    paths = find_images([photos / "dog"])
    wanted = task.predict_proba(paths)
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths])
    tensors = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    names = [str(path) for path in paths]
    for images in (
        (path for path in paths),
        names,
        tuple(names),
        np.array(names),
        np.array(paths, dtype=object),
        pixels,
        tensors,
        iter(paths),
        [paths[0], pixels[1], tensors[2]],
    ):
        assert np.array_equal(task.predict_proba(images), wanted)


def test_probabilities_and_features_agree_with_predictions(task, photos):
    pictures = find_images([photos / "cat"])
    probabilities = task.predict_proba(pictures)
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(1)
    for row, prediction in zip(probabilities, task.predict(pictures), strict=True):
        order = [task.class_names.index(label) for label in prediction.labels]
        assert tuple(row[order].tolist()) == prediction.probabilities
    features = torch.from_numpy(task.embed(pictures, batch_size=4))
    cosines = task.model.classifier(features).detach() / task.spec.temperature
    assert cosines.softmax(1).numpy() == pytest.approx(probabilities, abs=1e-5)


def test_predictions_name_their_images(task, photos):
    path = photos / "dog" / "00.png"
    image = Image.open(path)
    assert [p.path for p in task.predict([path, image])] == [str(path), "images[1]"]
    assert task.predict(image)[0].path == "image"
    assert str(task.predict(path, top=1)[0]).startswith(f"{path}  ")


def test_no_images_give_no_predictions(task):
    assert task.predict([]) == []
    assert task.predict_proba([]).shape == (0, 4)
    assert task.embed(np.zeros((0, 9, 9, 3))).shape == (0, 16)
    assert list(task.predict_each([])) == []


def test_predicting_each_takes_any_form_and_a_generator_only_as_far_as_needed(task, photos):
    taken = []

    def pictures():
        for path in find_images([photos / "ant"]):
            taken.append(path)
            yield path

    found = task.predict_each(pictures(), chunk=4)
    assert next(found).path == str(taken[0])
    assert len(taken) == 4
    (error,) = task.predict_each(b"no image")
    assert isinstance(error, DataError)


@pytest.mark.slow
def test_eight_threads_get_what_one_gets(task, photos):
    jobs = [find_images([photos / name]) for name in ("ant", "bee", "cat", "dog")] * 4
    shared = Image.open(photos / "dog" / "00.png")
    wanted = [(task.predict_proba(job), task.embed([shared, *job])) for job in jobs]
    state = torch.random.get_rng_state()
    lazy = Image.open(photos / "dog" / "00.png")
    with ThreadPoolExecutor(8) as pool:
        found = list(
            pool.map(lambda job: (task.predict_proba(job), task.embed([lazy, *job])), jobs)
        )
    for (probabilities, features), (right, embedded) in zip(found, wanted, strict=True):
        assert np.array_equal(probabilities, right)
        assert np.array_equal(features, embedded)
    assert torch.equal(state, torch.random.get_rng_state())


WRONG: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "top": ("predict", ([],), {"top": 0}, "top 0: give a whole number of 1 or more"),
    "negative top": ("predict", ("x.png",), {"top": -1}, "top -1"),
    "top of another type": ("predict", ("x.png",), {"top": 2.5}, r"top 2\.5"),
    "batch size": ("predict", ("x.png",), {"batch_size": 0}, "batch_size 0"),
    "batch size of proba": ("predict_proba", ("x.png",), {"batch_size": -2}, "batch_size -2"),
    "batch size of embed": ("embed", ("x.png",), {"batch_size": "a"}, "batch_size 'a'"),
    "workers": ("embed", ("x.png",), {"workers": -1}, "workers -1: .* 0 or more"),
    "number": ("predict", (3,), {}, "images: int given"),
    "nothing": ("predict_proba", (None,), {}, "images: NoneType given"),
    "number in a list": ("predict", (["x.png", 3],), {}, r"images\[1\]: int given"),
    "progress": ("predict", ("x.png",), {"on_batch": 5}, "on_batch: int given"),
    "workers of none": ("predict", ([],), {"workers": -1}, "workers -1"),
    "path to evaluate": (
        "evaluate",
        ("photos/",),
        {},
        r"split: str given.*lpt\.evaluate\(task, 'p",
    ),
    "list to evaluate": ("evaluate", (["x.png"],), {}, r"split: list given\. Give lpt\.open_data"),
    "nothing to run": ("run", (None,), {}, "split: NoneType given"),
}

LOADED = {
    "nothing": (None, {}, "path: NoneType given"),
    "bytes": (b"runs/a", {}, "path: bytes given"),
    "backbone": ("runs/a", {"backbone": 3}, "backbone: int given"),
    "device": ("runs/a", {"device": 5}, "device '5': unknown"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_named_in_one_line(case, task):
    method, arguments, options, said = WRONG[case]
    with pytest.raises(ParameterError, match=f"^{said}") as caught:
        getattr(task, method)(*arguments, **options)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("case", LOADED)
def test_loading_names_an_argument_of_the_wrong_type(case):
    path, options, said = LOADED[case]
    with pytest.raises(ParameterError, match=f"^{said}"):
        Task.load(path, **options)


def test_the_old_name_of_the_batch_size_is_accepted_with_a_warning(task, photos):
    pictures = find_images([photos / "dog"])
    with pytest.warns(RenamedWarning, match="`batch` is now `batch_size`"):
        assert task.predict(pictures, batch=2) == task.predict(pictures, batch_size=2)
    with (
        pytest.warns(RenamedWarning),
        pytest.raises(ParameterError, match=r"^batch_size 0"),
    ):
        task.predict(pictures, batch=0)


def test_true_is_not_a_number(task, photos):
    with pytest.raises(ParameterError, match="top True: give a whole number"):
        task.predict(photos / "dog" / "00.png", top=True)


def test_a_path_that_is_too_long_is_one_line():
    with pytest.raises(ParameterError, match=r"^path 'aaa.* longer than any path"):
        Task.load("a" * 5000)
