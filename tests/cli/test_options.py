"""Names of data on the command line, and names of parameters as options."""

import pytest

from lpt.cli.options import message_of, named_data
from lpt.errors import ConfigError, DataError, ParameterError


def test_data_is_named_by_its_file_or_as_it_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert named_data(["photos/", "sketch=other", "a/b.csv"]) == {
        "photos": "photos/",
        "sketch": "other",
        "b": "a/b.csv",
    }
    assert named_data(["photos:list=lists/a.csv"]) == {"photos": "photos:list=lists/a.csv"}


def test_a_file_with_an_equals_sign_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    assert named_data(["a=b"]) == {"a=b": "a=b"}


def test_two_data_sets_of_one_name_are_refused():
    with pytest.raises(ConfigError, match=r"the name 'a' is taken by x.*other-a=y"):
        named_data(["a=x", "a=y"])


def test_messages_name_options_on_the_command_line_and_parameters_in_python():
    error = ParameterError("`bad_images` 'x', `settings` or `data`: wrong. Leave `images[3]` out.")
    assert str(error) == "bad_images 'x', settings or data: wrong. Leave images[3] out."
    wanted = "--bad-images 'x', --set or DATA: wrong. Leave images[3] out."
    assert message_of(error) == wanted
    assert message_of(DataError("a `b` c")) == "a `b` c"
