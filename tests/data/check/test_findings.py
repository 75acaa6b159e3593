"""Kinds of flaws, and where they are found."""

import numpy as np
from PIL import Image

from lpt.data.check.check_result import check_data
from lpt.data.check.findings import KINDS, Limits

from .corpus import encode, picture
from .flawed import kinds, put


def test_two_labels_and_leaks_are_distinguished(flawed):
    report = check_data(flawed, workers=0)
    assert kinds(report) == ["empty", "leak", "not-image", "two-labels"]
    (double,) = [f for f in report.findings if f.kind == "two-labels"]
    assert [place.label for place in double.images] == ["owl", "yak"]
    (leak,) = [f for f in report.findings if f.kind == "leak"]
    assert leak.detail == "in train and test"
    assert report.images == {"train": 6, "test": 3}


def test_near_duplicates_across_splits_are_a_note(tmp_path):
    small = encode(picture(1).resize((32, 32)), "JPEG")
    data = put(tmp_path, {"train/a/1.png": 1, "train/b/2.png": 2, "test/a/1.jpg": small})
    report = check_data(data, workers=0)
    assert kinds(report) == ["near-leak"]
    assert not report.spoiled
    assert check_data(data, workers=0, limits=Limits(similarity=0.9999)).findings == ()


def test_limits_of_size_are_settings(tmp_path):
    data = put(tmp_path, {"train/a/1.png": 1, "train/b/2.png": 2})
    report = check_data(data, workers=0, limits=Limits(tiny=49, huge=2303))
    assert kinds(report) == ["huge", "huge", "tiny", "tiny"]


def test_every_kind_is_explained_and_the_worst_come_first():
    spoils = [kind.spoils for kind in KINDS.values()]
    assert spoils == sorted(spoils, reverse=True)
    assert all(kind.meaning for kind in KINDS.values())


def test_near_duplicates_are_not_looked_for_without_a_similarity(tmp_path):
    copy = encode(picture(1), "PNG"), encode(picture(1), "BMP")
    data = put(tmp_path, {"a/1.png": copy[0], "a/2.bmp": copy[1], "b/3.png": 3, "b/4.png": 4})
    assert kinds(check_data(data, workers=0)) == ["near-duplicate"]
    assert kinds(check_data(data, workers=0, limits=Limits(similarity=None))) == []


def test_copies_in_merged_subfolders_of_a_class_say_so(tmp_path):
    files = {"fruit/apple/1.png": 1, "fruit/pear/1.png": 1, "nut/2.png": 2, "nut/3.png": 2}
    report = check_data(put(tmp_path, files), workers=0)
    details = {finding.detail for finding in report.findings if finding.kind == "identical"}
    assert details == {"2 copies, in 2 folders of one class", "2 copies"}


def test_blank_images_are_noted_and_dark_16_bits_are_not_blank(tmp_path):
    grey = np.asarray(picture(5).convert("L")).astype(np.uint16)  # 8 of 16 bits
    files = {
        "a/black.png": encode(Image.new("RGB", (48, 48)), "PNG"),
        "a/fog.png": encode(Image.fromarray((grey // 20 + 90).astype(np.uint8)), "PNG"),
        "b/16bits.png": encode(Image.fromarray(grey), "PNG"),
        "b/line.png": encode(picture(6).convert("1"), "PNG"),
    }
    report = check_data(put(tmp_path, files), workers=0)
    blank = {f.images[0].name.rsplit("/", 1)[1]: f.detail for f in report.findings}
    assert sorted(blank) == ["black.png", "fog.png"]
    assert blank["black.png"] == "one colour"
    assert not report.spoiled
