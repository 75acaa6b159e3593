"""A file is the same however it is written."""

import os
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from lpt.data.file_identity import resolved


def test_every_spelling_of_a_path_is_one(tmp_path, monkeypatch):
    (tmp_path / "a" / "b").mkdir(parents=True)
    file = tmp_path / "a" / "1.png"
    file.write_bytes(b"x")
    (tmp_path / "link.png").symlink_to(file)
    (tmp_path / "folder").symlink_to(tmp_path / "a")
    monkeypatch.chdir(tmp_path / "a")
    spellings = ["a/1.png", "./a/1.png", "a/b/../1.png", str(file), "link.png", "folder/1.png"]
    assert set(resolved(tmp_path, spellings)) == {os.path.realpath(file)}
    assert resolved(tmp_path / ".." / tmp_path.name, ["a/1.png"]) == [os.path.realpath(file)]


def test_unicode_forms_of_a_name_are_one_unless_both_exist(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "Möwe.png") for form in ("NFC", "NFD"))
    (tmp_path / decomposed).write_bytes(b"x")
    assert resolved(tmp_path, [composed]) == [os.path.realpath(tmp_path / decomposed)]
    (tmp_path / composed).write_bytes(b"y")
    assert len(set(resolved(tmp_path, [composed, decomposed]))) == 2


@settings(max_examples=200)
@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_name_has_a_path(tmp_path_factory, names):
    root = tmp_path_factory.getbasetemp()
    assert len(resolved(root, names)) == len(names)
