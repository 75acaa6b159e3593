"""Tables of results: alignment, number formats, Markdown."""

import doctest

import pytest

from lpt.data.class_groups import ClassGroups
from lpt.evaluation import COLUMNS, Column, Spread, render_table
from lpt.evaluation import metric_tables as tables

ROWS = [
    {"model": "linear probe", "overall": 0.5, "few": None, "params": 960, "seconds": 2.25},
    {"model": "LPT", "overall": 0.6666, "few": 0.08, "params": 1_013_760, "macro": float("nan")},
]


def test_plain_table_leaves_out_shot_groups_without_any_value() -> None:
    assert render_table(ROWS).splitlines() == [
        "model         overall  few  macro     params  seconds",
        "------------  -------  ---  -----  ---------  -------",
        "linear probe     50.0    -      -        960      2.2",
        "LPT              66.7  8.0      -  1,013,760        -",
    ]


def test_markdown_table() -> None:
    columns = [COLUMNS[0], COLUMNS[1]]
    assert render_table(ROWS, columns, style="markdown").splitlines() == [
        "| model        | overall |",
        "| ------------ | ------: |",
        "| linear probe |    50.0 |",
        "| LPT          |    66.7 |",
    ]


def test_markdown_escapes_bars() -> None:
    table = render_table([{"model": "a|b"}], COLUMNS[:1], style="markdown")
    assert table.splitlines()[-1] == r"| a\|b  |"


def test_note_names_the_group_bounds() -> None:
    table = render_table(ROWS, groups=ClassGroups(few_below=21))
    assert table.splitlines()[-3:] == [
        "",
        "Training images per class: many > 100 images, medium 21 to 100 images, few < 21 images.",
        "Macro: mean accuracy of the classes.",
    ]
    without = render_table(ROWS, COLUMNS[:2], groups=ClassGroups(few_below=21))
    assert "Macro" not in without


def test_spread_shows_mean_and_deviation() -> None:
    table = render_table([{"overall": Spread(0.5007, 0.0032)}], [COLUMNS[1]])
    assert table.splitlines()[-1] == "50.1 ± 0.3"


def test_wide_characters_keep_columns_aligned() -> None:
    table = render_table([{"model": "松", "few": 1.0}, {"model": "ab", "few": 0.0}])
    assert [line.rstrip() for line in table.splitlines()[2:]] == [
        "松           -  100.0      -       -        -",
        "ab           -    0.0      -       -        -",
    ]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("number", 1.23456, "1.235"),
        ("count", 0, "0"),
        ("percent", 1, "100.0"),
        ("percent", "n/a", "n/a"),
        ("text", 3, "3"),
        ("seconds", float("inf"), "-"),
    ],
)
def test_cells_are_formatted_by_kind(kind: str, value: object, text: str) -> None:
    table = render_table([{"x": value}], [Column("x", "x", kind)])
    assert table.splitlines()[-1].strip() == text


def test_a_table_without_rows_is_its_header() -> None:
    assert render_table([], COLUMNS[:2]).splitlines() == ["model  overall", "-----  -------"]


def test_the_example_in_the_documentation_runs() -> None:
    results = doctest.testmod(tables)
    assert results.attempted
    assert not results.failed
