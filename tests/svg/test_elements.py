"""Text in drawings stays text."""

from lpt.svg.elements import add_text, as_markup, legend_of, new_svg, short_label


def test_names_cannot_become_markup() -> None:
    svg = new_svg(10, 10, "<b>", "&")
    add_text(svg, 0, 0, "</svg><script>", "end")
    assert "<script>" not in as_markup(svg)
    assert "<b>" not in legend_of([("one", "<b>"), ("two", "</li>")])


def test_a_single_series_needs_no_legend() -> None:
    assert legend_of([("one", "One")]) == ""


def test_a_long_label_ends_in_an_ellipsis() -> None:
    assert short_label("tawny owl", 5) == "tawn…"
    assert short_label("owl", 5) == "owl"
