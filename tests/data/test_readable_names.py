"""classnames.csv: readable names of classes."""

from pathlib import Path

import pytest

from lpt.data.readable_names import from_folder_name, read_class_names
from lpt.errors import DataError

CLASSES = ["n01440764", "002.snow_leopard", "owl"]


def names_in(folder: Path, text: str) -> Path:
    path = folder / "classnames.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_names_come_from_the_folders_and_codes_are_noticed() -> None:
    found = read_class_names(CLASSES, None)
    assert found.names == ("n01440764", "snow leopard", "owl")
    assert found.missing == ()
    assert found.codes == ("n01440764",)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("12", "12"), ("3_wheeler", "wheeler"), ("A__b", "A b"), ("Fruit/Apple", "Fruit/Apple")],
)
def test_folders_are_read_without_number_and_underscores(folder: str, name: str) -> None:
    assert from_folder_name(folder) == name


def test_a_file_gives_names_and_the_missing_are_named(tmp_path: Path) -> None:
    text = "Class,Name,comment\nn01440764,  tench ,a fish\nowl,eagle owl,\n"
    found = read_class_names(CLASSES, names_in(tmp_path, text))
    assert found.names == ("tench", "snow leopard", "eagle owl")
    assert found.missing == ("002.snow_leopard",)
    assert found.codes == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "class,name\nowll,owl\n",
            "line 2: class 'owll': the data has no such class. Nearest: owl",
        ),
        ("class,name\nowl,owl\nowl,eagle owl\n", "line 3: class 'owl': is given twice"),
        ("class,name\nowl,\n", "line 2: class 'owl': give it a name of 1 to 500"),
        (f"class,name\nowl,{'o' * 600}\n", "give it a name of 1 to 500"),
        ("folder,name\nowl,owl\n", "has no column 'class'"),
        ("", "has no column 'class'"),
    ],
)
def test_wrong_lines_are_refused_with_their_number(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_class_names(CLASSES, names_in(tmp_path, text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "classnames.csv"
    path.write_bytes(b"class,name\nowl,\xff\n")
    with pytest.raises(DataError, match="is not a CSV file in UTF-8"):
        read_class_names(CLASSES, path)
