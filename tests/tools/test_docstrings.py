"""Docstrings become Markdown for the API reference."""

from tools.docs.docstrings import as_markdown


def test_a_field_of_several_lines_becomes_one_paragraph():
    text = as_markdown("Add.\n\nReturns: the\n    sum.\nRaises: nothing.\n")
    assert [part for part in text.split("\n") if part] == [
        "Add.",
        "**Returns:** the sum.",
        "**Raises:** nothing.",
    ]


def test_sections_with_a_line_per_item_stay_for_the_parser():
    text = "Add.\n\nArgs:\n    a: a number.\n"
    assert as_markdown(text) == text


def test_a_field_ends_the_section_before_it():
    text = as_markdown("Args:\n    a: a number.\nReturns: the sum.\n")
    assert "    a: a number.\n\n**Returns:** the sum." in text


def test_an_example_ends_at_an_empty_line():
    text = as_markdown(">>> 1 + 1  # doctest: +SKIP\n2\n\nMore.")
    assert text == "```pycon\n>>> 1 + 1\n2\n```\n\nMore."


def test_public_names_lead_to_their_entry():
    assert as_markdown("See `lpt.load` and `lpt.errors`.") == (
        "See [`lpt.load`][lpt.load] and `lpt.errors`."
    )
