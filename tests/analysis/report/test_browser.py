"""The report in a browser: no errors, all figures, both themes, on a phone and in print."""

import base64
from pathlib import Path

import pytest

from lpt.analysis.report import write_report

from ..samples import NAMES
from .browser import Page

pytestmark = pytest.mark.slow

DRAWN = """[...document.querySelectorAll("figure svg:not(.key)")].map(svg => {
  const box = svg.getBoundingClientRect();
  const marks = svg.querySelectorAll("path, circle, rect.more, rect.bar");
  return box.width > 200 && box.height > 60 && marks.length > 0;
})"""
PICTURES = "[...document.images].every(i => i.complete && i.naturalWidth > 0)"


@pytest.fixture(scope="module")
def pages(synthetic: Path, second: Path) -> list[Path]:
    return [write_report([synthetic]), write_report([synthetic, second])]


@pytest.mark.parametrize("which", [0, 1], ids=["report", "comparison"])
@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_figures_are_drawn_without_errors(
    browser: Page, pages: list[Path], which: int, width: int, dark: bool
) -> None:
    browser.requests.clear()
    browser.complaints.clear()
    browser.look(width=width, dark=dark)
    browser.open(pages[which])
    assert browser.complaints == []
    assert [r for r in browser.requests if not r.startswith(("data:", "file:"))] == []
    assert sum(r.startswith("file:") for r in browser.requests) == 1
    drawn = browser.value(DRAWN)
    assert len(drawn) == (10, 3)[which]
    assert all(drawn)
    assert browser.value(PICTURES)
    assert browser.value("document.documentElement.scrollWidth") <= width


def test_the_theme_follows_the_system(browser: Page, pages: list[Path]) -> None:
    browser.open(pages[0])
    colours = {}
    for dark in (False, True):
        browser.look(dark=dark)
        colours[dark] = browser.value(
            "[getComputedStyle(document.body).backgroundColor,"
            ' getComputedStyle(document.querySelector(".line.overall")).stroke].join(" ")'
        )
    assert colours == {
        False: "rgb(255, 255, 255) rgb(27, 31, 36)",
        True: "rgb(20, 23, 26) rgb(232, 234, 237)",
    }


def test_classes_can_be_found_and_sorted(browser: Page, pages: list[Path]) -> None:
    browser.look()
    browser.open(pages[0])
    names = '[...document.querySelectorAll("#class-table tbody th")].map(c => c.textContent)'
    assert browser.value(names) == [NAMES[i] for i in (4, 3, 2, 1, 0)]
    browser.value('document.querySelector("#class-table thead th:nth-child(3) button").click()')
    assert browser.value(names) == NAMES
    browser.value(
        'document.getElementById("class-search").value = "do";'
        'document.getElementById("class-search").dispatchEvent(new Event("input"))'
    )
    assert browser.value(names) == ["dog"]


def test_it_prints(browser: Page, pages: list[Path]) -> None:
    browser.look(dark=True, media="print")
    browser.open(pages[0])
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value('getComputedStyle(document.querySelector("nav")).display') == "none"
    printed = base64.b64decode(browser.call("Page.printToPDF")["data"])
    assert printed.startswith(b"%PDF")
    browser.look()
