"""The documentation site builds strictly, without a network, and leads only to what there is."""

import fcntl
import os
import re
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import lpt

ROOT = Path(__file__).parents[2]
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
PAGES = sorted(ROOT.glob("docs/*.md"))
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


class Addresses(HTMLParser):
    """Addresses that a page loads by itself, and those that it links to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a":
            self.linked.append(given.get("href") or "")
        elif tag != "link" or given.get("rel") not in ("canonical", "prev", "next"):
            self.loaded += [given.get("src") or "", (tag == "link" and given.get("href")) or ""]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site, built once for all test processes.

    Building runs the notebooks and fails at a link that leads nowhere.
    """
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    with (base / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (base / "site.built").exists():
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            (base / "site.built").touch()
    return folder


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        elsewhere = [a for a in Addresses(page).loaded if re.match(r"(https?:)?//", a)]
        assert elsewhere == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_links_to_the_repository_lead_to_its_files(site):
    linked = {a for page in site.rglob("*.html") for a in Addresses(page).linked}
    found = 0
    for kind, path in re.findall(
        rf"^{re.escape(URLS['Repository'])}/(blob|tree)/main/([^#\n]*)", "\n".join(linked), re.M
    ):
        assert (ROOT / path).is_dir() if kind == "tree" else (ROOT / path).is_file(), path
        found += 1
    assert found


@pytest.mark.slow
def test_every_public_name_is_in_the_reference(site):
    page = (site / "reference.html").read_text(encoding="utf-8")
    missing = [name for name in lpt.__all__ if f'id="lpt.{name}"' not in page]
    assert missing == []


@pytest.mark.slow
def test_docstrings_are_rendered_in_the_reference(site):
    page = (site / "reference.html").read_text(encoding="utf-8")
    assert "<blockquote>" not in page, "an example outside a block of code"
    assert "<strong>Returns:</strong>" in page
    assert not re.search(r"(?<!<strong>)\b(Returns|Raises|Source|Args): ", page)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_notebooks_are_pages_and_downloads(site, notebook):
    page = site / "notebooks" / f"{notebook.stem}.html"
    assert notebook.name in Addresses(page).linked
    assert (page.parent / notebook.name).is_file()
    assert "site-packages" not in page.read_text(encoding="utf-8"), "a warning of a library"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_notebooks_are_kept_without_outputs(notebook):
    text = notebook.read_text(encoding="utf-8")
    assert '"output_type"' not in text
    assert re.findall(r'"execution_count": (\S+?),?\n', text).count("null") == text.count(
        '"execution_count"'
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lists_begin_after_an_empty_line(page):
    """Python-Markdown takes a list right after a paragraph for more of that paragraph."""
    lines = FENCE.sub("", page.read_text(encoding="utf-8")).splitlines()
    item = re.compile(r"\s*(?:[-*]|\d+\.) ")
    for above, line in pairwise(lines):
        begins = item.match(line) and above.strip() and not above.startswith(" ")
        assert not begins or item.match(above), f"{page.name}: {line}"
