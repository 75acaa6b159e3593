"""The scikit-learn classifier, used as scikit-learn users do."""

import pickle
import tempfile

import numpy as np
import pytest
import skops.io
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

import lpt
from lpt.errors import DataError, LptError, TaskFileError
from lpt.sklearn import LongTailedPromptClassifier

from ..tiny import write_backbone
from .conftest import MEANS_ONLY

Y = np.array(["dog"] * 15 + ["ant"] * 12)
X = [
    np.random.default_rng(i).integers(90 * (y == "ant"), 99 + 90 * (y == "ant"), (9, 9, 3))
    for i, y in enumerate(Y)
]
X = np.array(X, dtype=np.uint8)


def saved(images, folder):
    paths = []
    for number, pixels in enumerate(images):
        paths.append(folder / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def test_paths_images_and_arrays_are_one_and_the_same(model, tmp_path):
    forms = [X, list(X), [Image.fromarray(x) for x in X], saved(X, tmp_path)]
    forms.append(np.array(forms[-1], dtype=str))
    found = [clone(model).fit(form, Y).predict_proba(form) for form in forms]
    for probabilities in found[1:]:
        assert np.array_equal(probabilities, found[0])


def test_predictions_are_labels_of_the_type_that_was_fitted(model):
    model.fit(X, Y)
    assert model.classes_.tolist() == ["ant", "dog"]
    assert model.score(X, Y) > 0.9
    assert set(model.predict(X)) == {"ant", "dog"}
    probabilities = model.predict_proba(X)
    assert probabilities.sum(1) == pytest.approx(1)
    assert (model.classes_[probabilities.argmax(1)] == model.predict(X)).all()
    numbers = clone(model).fit(X, np.where(Y == "ant", 20, 3))
    assert numbers.predict(X).dtype.kind == "i"
    assert numbers.classes_.tolist() == [3, 20]  # sorted as numbers, not as text
    assert numbers.score(X, np.where(Y == "ant", 20, 3)) > 0.9


def test_features_are_those_of_the_task(model):
    features = model.fit(X, Y).transform(X[:3])
    assert np.array_equal(features, model.task_.embed(list(X[:3])))
    assert len(model.get_feature_names_out()) == features.shape[1] == 16


def test_the_number_of_features_exists_for_rows_only(model):
    assert not hasattr(model.fit(X, Y), "n_features_in_")
    rows = X[..., 0].reshape(len(X), -1)
    assert model.fit(rows, Y).n_features_in_ == 81
    assert not hasattr(model.fit(X, Y), "n_features_in_")  # nor after another fit


def test_rows_need_a_shape_only_if_they_are_no_squares(model):
    wide = X[:, :8, :, 0].reshape(len(X), -1)
    shaped = clone(model).set_params(image_shape=(8, 9)).fit(wide, Y)
    images = (X[:, :8, :, 0] - X.min()) / (X.max() - X.min())
    direct = clone(model).fit(np.rint(images * 255).astype(np.uint8), Y)
    low, high = shaped.pixel_range_
    assert (low, high) == (wide.min(), wide.max())
    assert shaped.predict_proba(wide).shape == direct.predict_proba(X[:, :8, :, 0]).shape


def test_clones_are_not_fitted_and_have_the_same_parameters(model):
    other = clone(model.fit(X, Y).set_params(random_state=3, budget="5m"))
    assert other.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        other.predict(X)
    with pytest.raises(NotFittedError):
        other.transform(X)


def test_the_seed_decides(vit, model):
    trained = {**MEANS_ONLY, "phase1.epochs": 1}
    seeds = (1, 1, 2, np.random.RandomState(1))
    found = [
        clone(model)
        .set_params(settings=trained, random_state=seed)
        .fit(X, Y)
        .predict_proba(X)
        .tobytes()
        for seed in seeds
    ]
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_a_pickle_holds_the_task_file_and_gives_the_same_bits(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = model.fit(X, Y).predict_proba(X)
    content = pickle.dumps(model)
    assert b"torch" not in content
    assert model._content in content
    again = pickle.loads(content)
    assert np.array_equal(again.predict_proba(X), before)
    assert again.classes_.tolist() == ["ant", "dog"]
    assert not list(tmp_path.iterdir())


def test_skops_saves_it_in_a_pipeline_and_asks_for_trust_in_its_class_only(model):
    fitted = make_pipeline(model).fit(X, Y)
    content = skops.io.dumps(fitted)
    unknown = skops.io.get_untrusted_types(data=content)
    assert unknown == ["lpt.sklearn.prompt_classifier.LongTailedPromptClassifier"]
    again = skops.io.loads(content, trusted=unknown)
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert again.classes_.tolist() == ["ant", "dog"]


def test_a_damaged_task_in_a_pickle_is_refused(model):
    content = pickle.dumps(model.fit(X, Y))
    state = model._content
    damaged = pickle.loads(content.replace(state[:8], b"\xff" * 8))
    with pytest.raises(TaskFileError):
        damaged.predict(X)


def test_pipelines_cross_validation_and_searches(model, tmp_path):
    paths = np.array(saved(X, tmp_path), dtype=str)
    opened = FunctionTransformer(lambda some: [Image.open(path) for path in some])
    scores = cross_val_score(make_pipeline(opened, model), paths, Y, cv=2)
    assert scores.shape == (2,)
    assert scores.min() > 0.8
    lengths = [{**MEANS_ONLY, "prompts.length": length} for length in (1, 3)]
    search = GridSearchCV(model, {"settings": lengths}, cv=2).fit(X, Y)
    assert search.best_params_["settings"] in lengths
    assert search.predict(X[:2]).shape == (2,)


def test_saved_tasks_are_those_of_lpt(model, vit, tmp_path):
    model.fit(X, np.where(Y == "ant", 2, 10)).save(tmp_path / "pets.safetensors")
    task = lpt.load(tmp_path / "pets.safetensors", backbone=str(vit), device="cpu")
    assert task.class_names == ("2", "10")
    read = LongTailedPromptClassifier.from_task_file(
        tmp_path / "pets.safetensors", backbone=str(vit), device="cpu"
    )
    assert read.classes_.tolist() == ["10", "2"]  # sorted, as everywhere in scikit-learn
    assert np.array_equal(read.predict_proba(X), model.predict_proba(X)[:, [1, 0]])
    assert (read.predict(X) == model.predict(X).astype(str)).all()
    other = write_backbone(tmp_path / "other.safetensors", seed=1)
    with pytest.raises(TaskFileError, match="made for backbone"):
        LongTailedPromptClassifier.from_task_file(
            tmp_path / "pets.safetensors", backbone=str(other)
        )


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (X, Y[:5], "5 labels for 27 images"),
        (X, np.full(len(X), "ant"), "only one class"),
        (X[:2], np.array([1, "1"], dtype=object), "Unknown label type"),
        (X, np.linspace(0, 1, len(X)), "continuous"),
        (X, None, "requires y"),
        ("photos", Y, "str given"),
    ],
)
def test_what_cannot_be_fitted_is_a_value_error(model, images, labels, said):
    with pytest.raises((ValueError, TypeError), match=said):
        model.fit(images, labels)


def test_a_bad_image_and_a_wrong_setting_are_errors_of_lpt(model, tmp_path):
    with pytest.raises(DataError, match=r"none\.png"):
        model.fit([*X[:-1], "none.png"], Y)
    with pytest.raises(LptError, match=r"phase1\.epoch"):
        clone(model).set_params(settings={"phase1.epoch": 3}).fit(X, Y)


def test_rows_are_not_predicted_after_images_were_fitted(model):
    with pytest.raises(ValueError, match="was given images"):
        model.fit(X, Y).predict(np.zeros((2, 81)))


NOT_RUN = {"check_array_api_input": "needs SCIPY_ARRAY_API; scikit-learn skips it"}
"""Checks that say nothing here, with the reason. All others pass."""


@pytest.fixture(scope="module", autouse=True)
def _in_the_backbone_folder(vit):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(vit.parent)
        yield


@pytest.mark.slow
@parametrize_with_checks(
    [LongTailedPromptClassifier(backbone="vit.safetensors", settings=MEANS_ONLY, device="cpu")],
    expected_failed_checks=lambda _: NOT_RUN,
)
@pytest.mark.filterwarnings("ignore")
def test_every_check_of_scikit_learn_that_applies(estimator, check):
    check(estimator)
