"""Lines, dots and marks, and text that cannot become markup."""

from lpt.svg import Axis, Chart

from .drawings import picture


def test_a_chart_draws_lines_dots_and_marks_with_a_legend() -> None:
    chart = Chart("Title", "Description", Axis("x", 0, 1), Axis("y", 0, 1))
    chart.line([(0, 0), (1, 1)], "one", "first & foremost")
    chart.line([], "none", "nothing")
    chart.dots([(0.5, 0.5)], "two", "second", ["<b>"])
    chart.mark(0.5, "half")
    markup = str(chart.render())
    assert markup.count("<li>") == 2
    assert "first &amp; foremost" in markup
    svg = picture(markup)
    assert [child.text for child in svg][:2] == ["Title", "Description"]
    line = next(child for child in svg if child.get("class") == "line one")
    assert line.get("d") == "M60.0 240.0 L418.0 10.0"
    dot = next(child for child in svg if child.get("class") == "dot two")
    assert (dot.get("cx"), dot.get("cy"), dot[0].text) == ("239.0", "125.0", "<b>")
    assert "half" in [child.text for child in svg]


def test_many_dots_share_a_path() -> None:
    chart = Chart("Title", "Description", Axis("x", 0, 1), Axis("y", 0, 1))
    chart.dots([(i / 400, 0.5) for i in range(400)], "one", names=["name"] * 400)
    assert "<circle" not in chart.render()
    assert chart.render().count("h0") == 400


def test_a_line_of_one_point_is_a_dot_that_can_be_seen() -> None:
    chart = Chart("Title", "Description", Axis("x", 0, 1), Axis("y", 0, 1))
    chart.line([(1, 0.5)], "one")
    dot = next(child for child in picture(chart.render()) if child.get("class") == "dot one")
    assert float(dot.get("r", "0")) > 4


def test_dots_without_points_have_no_entry_in_the_legend() -> None:
    chart = Chart("Title", "Description", Axis("x", 0, 1), Axis("y", 0, 1))
    for series in ("one", "two"):
        chart.dots([(0.5, 0.5)], series, series, ["name"])
    chart.dots([], "none", "nothing", [])
    assert "nothing" not in chart.render()


def test_a_note_near_the_right_end_is_written_to_the_left_of_its_mark() -> None:
    chart = Chart("Title", "Description", Axis("x", 0, 1), Axis("y", 0, 1))
    chart.mark(0.5, "half")
    chart.mark(0.9, "late")
    styles = {child.text: child.get("class") for child in picture(chart.render())}
    assert (styles["half"], styles["late"]) == ("note", "note end")


def test_a_whisker_stands_between_two_values() -> None:
    chart = Chart("Title", "Description", Axis("x", 0, 1), Axis("y", 0, 1))
    chart.whisker(0.5, 0.25, 0.75)
    whisker = next(child for child in picture(chart.render()) if child.get("class") == "spread")
    ends = {name: whisker.get(name) for name in ("x1", "y1", "x2", "y2")}
    assert ends == {"x1": "239.0", "y1": "182.5", "x2": "239.0", "y2": "67.5"}


def test_the_legend_can_be_inside() -> None:
    chart = Chart("Title", "Description", Axis("x", 0, 1), Axis("y", 0, 1))
    chart.line([(0, 0), (1, 1)], "one", "first & foremost")
    markup = str(chart.render_inside())
    assert "<li>" not in markup
    assert "first & foremost" in [child.text for child in picture(markup)]
