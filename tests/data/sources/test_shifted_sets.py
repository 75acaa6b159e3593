import json

import numpy as np
import pytest

from lpt.data.sources.open_data import open_data
from lpt.data.sources.shifted_sets import open_shifted
from lpt.errors import DataError

from ..conftest import encoded

WNIDS = ["n03", "n01", "n02"]  # class order of a model, not sorted


def put(root, *paths):
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(encoded(number))
    return root


@pytest.mark.parametrize(
    ("classes", "folders"),
    [
        (["2", "3", "4", "5", "6", "7"], ["2", "3", "4", "5"]),
        (["10", "20", "5", "50"], ["5", "10", "20", "50"]),
        (["cat", "0", "1"], ["0", "1"]),
    ],
)
def test_class_folders_named_by_numbers_match_by_name(tmp_path, classes, folders):
    root = put(tmp_path, *(f"{folder}/a.png" for folder in folders))
    (found,) = open_shifted("new", root, classes)
    assert {found.names[label] for label in found.split.labels} == set(folders)
    assert [classes[own[0]] for own in found.members] == list(found.names)
    for index in range(len(found.split)):
        assert found.split.ref(index).path.parent.name == found.names[found.split.labels[index]]


def test_numbers_are_no_indices_for_classes_without_wordnet_ids(tmp_path):
    with pytest.raises(DataError, match="2 unknown classes: '0', '1'"):
        open_shifted("v2", put(tmp_path, "0/a.png", "1/b.png"), ["cat", "dog"])


@pytest.mark.parametrize("inner", ["{c}/{v}/left/a.png", "test/{c}/{v}/left/a.png"])
def test_numbered_folders_below_a_class_are_no_corruptions(tmp_path, inner):
    paths = [inner.format(c=c, v=v) for c in ("cat", "dog") for v in (1, 2, 3)]
    (found,) = open_shifted("visits", put(tmp_path, *paths), ["dog", "cat"])
    assert (found.kind, found.names, len(found.split)) == ("", ("dog", "cat"), 6)


def test_a_class_called_mappings_is_a_class(tmp_path):
    root = put(tmp_path, "mappings/a.png", "images/b.png")
    (found,) = open_shifted("words", root, ["images", "mappings"])
    assert found.names == ("images", "mappings")


def test_sketch_r_and_a_match_by_name_over_their_subset(tmp_path):
    root = put(tmp_path, "n02/a.png", "n03/b.png", "n03/c.png")
    (sketch,) = open_shifted("sketch", root, WNIDS)
    assert sketch.names == ("n03", "n02")
    assert sketch.members == ((0,), (2,))
    assert sorted(sketch.split.labels.tolist()) == [0, 0, 1]


def test_accuracy_is_over_the_classes_of_the_subset(tmp_path):
    root = put(tmp_path, "n02/a.png", "n03/b.png")
    (subset,) = open_shifted("r", root, WNIDS)
    logits = np.array([[0.1, 0.9, 0.2]], dtype=np.float32)  # n01 is no answer here
    assert subset.restrict(logits).tolist() == [pytest.approx([0.1, 0.2])]


def test_v2_folders_are_numbers_in_sorted_order(tmp_path):
    root = put(tmp_path, "0/a.png", "2/b.png")
    (v2,) = open_shifted("v2", root, WNIDS)
    assert v2.names == ("n01", "n03")
    assert v2.members == ((1,), (0,))
    with pytest.raises(DataError, match="folder '2' is a class number, but the model has 2"):
        open_shifted("v2", root, WNIDS[:2])


@pytest.mark.parametrize("group", ["", "noise/"])
def test_imagenet_c_gives_a_set_for_each_corruption_and_severity(tmp_path, group):
    root = put(tmp_path, *(f"{group}shot_noise/{s}/n0{c}/a.png" for s in (1, 5) for c in (1, 2)))
    sets = open_shifted("c", root, WNIDS)
    assert [s.name for s in sets] == ["c shot_noise-1", "c shot_noise-5"]
    assert [(s.kind, s.severity) for s in sets] == [("shot_noise", 1), ("shot_noise", 5)]
    assert sets[0].members == ((1,), (2,))


@pytest.fixture
def objectnet(tmp_path):
    root = put(tmp_path, "images/Chair/1.png", "images/Mug/2.png", "images/Only here/3.png")
    mappings = {
        "folder_to_objectnet_label.json": {"Chair": "chair", "Mug": "mug", "Only here": "gizmo"},
        "objectnet_to_imagenet_1k.json": {"chair": "folding chair; rocking chair", "mug": "cup"},
        # class (sorted by WordNet id) -> line of the text file
        "pytorch_to_imagenet_2012_id.json": {"0": 2, "1": 0, "2": 1},
    }
    (root / "mappings").mkdir()
    for name, content in mappings.items():
        (root / "mappings" / name).write_text(json.dumps(content))
    (root / "mappings/imagenet_to_label_2012_v2").write_text("cup\nrocking chair\nfolding chair\n")
    return root


def test_objectnet_maps_a_class_to_several_and_leaves_the_others_out(objectnet):
    (found,) = open_shifted("objectnet", objectnet, WNIDS)
    assert found.names == ("chair", "mug")
    # folding chair is class 0 = n01 (index 1), rocking chair class 2 = n03 (0), cup class 1 = n02
    assert found.members == ((1, 0), (2,))
    assert found.split.labels.tolist() == [0, 1]
    assert found.border == 2
    logits = np.array([[0.9, 0.1, 0.5]], dtype=np.float32)
    assert found.restrict(logits).argmax(1).tolist() == [0]


def test_objectnet_without_mapping_or_with_another_model_is_named(objectnet):
    with pytest.raises(DataError, match="needs a model of all 1,000 ImageNet classes"):
        open_shifted("objectnet", objectnet, WNIDS[:2])
    (objectnet / "mappings/objectnet_to_imagenet_1k.json").unlink()
    with pytest.raises(DataError, match=r"objectnet_to_imagenet_1k\.json: no such file"):
        open_shifted("objectnet", objectnet, WNIDS)


def test_unknown_class_names_the_folder(tmp_path):
    with pytest.raises(DataError, match="unknown classes: 'zebra'"):
        open_shifted("other", put(tmp_path, "zebra/1.png", "n01/1.png"), WNIDS)


def test_pacs_domains_share_their_classes(shared):
    data = open_data(shared / "pacs" / "photo.parquet")
    for domain in ("art_painting", "cartoon", "sketch"):
        (shifted,) = open_shifted(domain, shared / "pacs" / f"{domain}.parquet", data.class_names)
        assert shifted.names == data.class_names
        assert len(shifted.split) == {"art_painting": 2048, "cartoon": 2344, "sketch": 3929}[domain]
