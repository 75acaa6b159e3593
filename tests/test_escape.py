"""Text from outside never reaches a terminal with characters that it obeys."""

import csv
import io
import json
import shlex
import shutil
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpt.escape import (
    csv_text,
    json_text,
    markdown_text,
    printable,
    printable_lines,
    shell_command,
    shortened,
)


@given(st.text())
def test_printed_text_holds_no_control_no_bidi_mark_and_no_line_break(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Co", "Zl", "Zp"}
    assert not set(shown) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069")
    shown.encode()  # no lone surrogates


@given(st.text())
def test_escaping_twice_changes_nothing(text: str) -> None:
    assert printable(printable(text)) == printable(text)


def test_letters_of_all_scripts_emoji_and_wide_spaces_stay() -> None:
    for text in ("Ωμέγα", "猫\u3000犬", "👩\u200d🔬", "C:\\owl", "a\xa0b"):
        assert printable(text) == text


def test_escapes_of_terminals_are_shown_as_text() -> None:
    assert printable("\x1b]0;owned\x07\x9b2J") == r"\x1b]0;owned\x07\x9b2J"


@given(st.text(), st.integers(10, 60))
def test_a_shortened_text_is_never_longer_and_keeps_both_ends(text: str, length: int) -> None:
    short = shortened(text, length)
    assert len(short) <= length
    assert short == text or (text.startswith(short[:2]) and text.endswith(short[-2:]))


@given(st.lists(st.text()))
def test_lines_stay_lines_and_each_is_escaped(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert printable_lines(text).split("\n") == [printable(line) for line in text.split("\n")]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, st.sampled_from([None, 2]))
def test_json_is_read_back_unchanged_and_holds_nothing_that_a_terminal_obeys(value, indent):
    text = json_text(value, indent=indent)
    assert json.loads(text) == value
    assert printable_lines(text) == text


def test_json_has_no_number_that_is_not_finite() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(float("nan"))


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_a_word_with_blanks_and_quotes_is_one_word_of_a_shell(word: str) -> None:
    assert shlex.split(shell_command("lpt", word)) == ["lpt", word]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("word", ["a\x1b[31m'b\\n", "\x07\n\u202e\x9b", "k\udcf6nig", "-x y$(z)`"])
def test_bash_gets_the_word_that_was_meant(word: str) -> None:
    script = "printf %s " + shell_command(word)
    done = subprocess.run(["bash", "-c", script], capture_output=True, env={"LC_ALL": "C.UTF-8"})
    assert done.stdout.decode("utf-8", "surrogateescape") == word
    assert printable(script) == script


cells = st.text(st.characters(blacklist_categories=["Cs"]))


@given(st.lists(st.fixed_dictionaries({"path": cells, "label": cells, "name": cells}), min_size=1))
def test_no_cell_of_a_csv_is_a_formula_and_exact_columns_are_read_back(rows) -> None:
    text = csv_text(rows, paths=["path"], exact=["name"])
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    for row, found in zip(rows, read, strict=True):
        assert found["name"] == row["name"]
        assert found["path"] in (printable(row["path"]), "./" + printable(row["path"]))
        assert printable(found["path"] + found["label"]) == found["path"] + found["label"]
        for name in ("path", "label"):
            if found[name][:1] in ("=", "+", "-", "@", "\t", "\r") and found[name]:
                float(found[name])


def test_numbers_stay_numbers_in_a_csv() -> None:
    rows = [{"a": -0.5, "b": None, "c": "-1", "d": "-1+1", "e": "@x"}]
    assert csv_text(rows) == "a,b,c,d,e\n-0.5,,-1,'-1+1,'@x\n"
    assert csv_text([], ["a", "b"]) == "a,b\n"


def test_markdown_shows_tags_links_and_marks_as_text() -> None:
    shown = markdown_text("<script>x</script> [a](javascript:b) *c* `d` |e| \\*f\\*\x1b")
    assert shown == (
        r"&lt;script&gt;x&lt;/script&gt; [a\](javascript:b) \*c\* \`d\` \|e\| \\\*f\\\*\x1b"
    )
    for plain in ("vit_small_patch16", "+1.2 [0.1, 2.0]", "C:\\owl", "a & b"[:1]):
        assert markdown_text(plain) == plain
