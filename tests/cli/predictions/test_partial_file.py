"""A file that is continued after an interruption, and never mixed with another."""

import pytest

from lpt.cli.predictions.partial_file import PartialFile, check_begun
from lpt.errors import ConfigError, RunError

ARGUMENTS = {"RUN": "abc", "--top": 3}


def begun(path, *pieces):
    """Write pieces, each for one image, and stop without finishing."""
    with PartialFile(path, ARGUMENTS) as file:
        for number, piece in enumerate(pieces):
            file.add(piece, [f"{number}.jpg"])


def test_a_finished_file_has_its_name_and_nothing_else_remains(tmp_path):
    with PartialFile(tmp_path / "a" / "p.csv", ARGUMENTS) as file:
        file.add(b"head\n")
        file.add(b"row\n", ["0.jpg"])
        file.finish()
    assert (tmp_path / "a" / "p.csv").read_bytes() == b"head\nrow\n"
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["p.csv"]


def test_what_was_written_after_the_last_record_is_cut_off(tmp_path):
    begun(tmp_path / "p.csv", b"one\n", b"two\n")
    with (tmp_path / "p.csv.partial").open("ab") as stream:
        stream.write(b"half a r")
    with PartialFile(tmp_path / "p.csv", ARGUMENTS) as file:
        assert file.images == 2
        assert [file.skip(f"{n}.jpg") for n in range(3)] == [True, True, False]
        file.add(b"three\n", ["2.jpg"])
        file.finish()
    assert (tmp_path / "p.csv").read_bytes() == b"one\ntwo\nthree\n"


def test_other_images_are_refused(tmp_path):
    begun(tmp_path / "p.csv", b"one\n", b"two\n")
    with PartialFile(tmp_path / "p.csv", ARGUMENTS) as file:
        assert file.skip("0.jpg")
        with pytest.raises(RunError, match="no longer the first ones"):
            file.skip("new.jpg")
    with PartialFile(tmp_path / "p.csv", ARGUMENTS) as file:  # fewer than before
        assert file.skip("0.jpg")
        with pytest.raises(RunError, match="holds 2 images"):
            file.finish()
    assert not (tmp_path / "p.csv").exists()


def test_other_arguments_are_refused(tmp_path):
    begun(tmp_path / "p.csv", b"one\n")
    other = {**ARGUMENTS, "--top": 5}
    for check in (PartialFile, check_begun):
        with pytest.raises(ConfigError, match="was begun with --top 3, not 5") as caught:
            check(tmp_path / "p.csv", other)
        both = f"remove {tmp_path}/p.csv.partial and {tmp_path}/p.csv.partial.json to start"
        assert both in str(caught.value)


@pytest.mark.parametrize(
    ("name", "begun_with", "now", "said"),
    [
        ("RUN", "0f" * 32, "1e" * 32, "was begun with another RUN. Give"),
        ("--prior", None, "uniform", "was begun without --prior. Give"),
        ("--prior", "uniform", None, "was begun with --prior uniform, which is missing now. Give"),
        ("--copy", False, True, "was begun without --copy. Give"),
        ("--copy", True, False, "was begun with --copy, which is missing now. Give"),
    ],
)
def test_an_argument_that_differs_is_named_as_it_was_given(name, begun_with, now, said, tmp_path):
    with PartialFile(tmp_path / "p.csv", {name: begun_with}) as file:
        file.add(b"one\n", ["0.jpg"])
    with pytest.raises(ConfigError, match=said):
        PartialFile(tmp_path / "p.csv", {name: now})


def test_a_file_is_checked_early_by_what_is_known(tmp_path):
    check_begun(tmp_path / "p.csv", ARGUMENTS, ["other.jpg"])  # was not begun
    begun(tmp_path / "p.csv", b"one\n", b"two\n")
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    check_begun(tmp_path / "p.csv", {"--top": 3})
    check_begun(tmp_path / "p.csv", ARGUMENTS, (f"{n}.jpg" for n in range(9)))
    for images in (["0.jpg", "new.jpg"], ["0.jpg"], []):
        with pytest.raises(
            RunError, match=r"holds 2 images.*p\.csv\.partial and .*\.partial\.json"
        ):
            check_begun(tmp_path / "p.csv", ARGUMENTS, images)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_very_many_images_are_not_listed_early(tmp_path, monkeypatch):
    begun(tmp_path / "p.csv", b"one\n", b"two\n")
    monkeypatch.setattr("lpt.cli.predictions.partial_file.EARLY", 1)
    listed = iter(["new.jpg"])
    check_begun(tmp_path / "p.csv", ARGUMENTS, listed)
    assert next(listed) == "new.jpg"


def test_an_existing_file_and_a_dangling_link_are_never_replaced(tmp_path):
    (tmp_path / "p.csv").write_text("mine")
    (tmp_path / "q.csv").symlink_to(tmp_path / "nowhere")
    for name in ("p.csv", "q.csv"):
        with pytest.raises(ConfigError, match="exists already"):
            PartialFile(tmp_path / name, ARGUMENTS)


def test_two_processes_do_not_write_one_file(tmp_path):
    with (
        PartialFile(tmp_path / "p.csv", ARGUMENTS),
        pytest.raises(RunError, match="another process"),
    ):
        PartialFile(tmp_path / "p.csv", ARGUMENTS)
    PartialFile(tmp_path / "p.csv", ARGUMENTS).__exit__()  # released


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"arguments": {}, "images": -1}'])
def test_a_damaged_record_is_refused(content, tmp_path):
    begun(tmp_path / "p.csv", b"one\n")
    (tmp_path / "p.csv.partial.json").write_bytes(content)
    with pytest.raises(RunError, match=r"Remove it and .* to start again"):
        PartialFile(tmp_path / "p.csv", ARGUMENTS)


def test_a_file_that_was_shortened_is_refused(tmp_path):
    begun(tmp_path / "p.csv", b"one\n", b"two\n")
    (tmp_path / "p.csv.partial").write_bytes(b"one")
    with pytest.raises(RunError, match="shorter than"):
        PartialFile(tmp_path / "p.csv", ARGUMENTS)


def test_a_link_in_place_of_the_partial_file_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "p.csv.partial").symlink_to(victim)
    with pytest.raises(RunError, match="is a link"):
        PartialFile(tmp_path / "p.csv", ARGUMENTS)
    assert victim.read_text() == "precious"
