"""MkDocs hooks: addresses from pyproject.toml, notebooks as pages, links beyond docs/."""

import os
import posixpath
import re
import tempfile
import tomllib
from pathlib import Path

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbclient import NotebookClient
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = PROJECT["urls"]["Repository"]
OUTSIDE = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
"""Pages of the site that are files of the repository outside docs/."""

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take the addresses and the description from their one home."""
    config.site_url = PROJECT["urls"]["Documentation"]
    config.repo_url = REPOSITORY
    config.repo_name = REPOSITORY.split("/", 3)[3]
    config.site_description = PROJECT["description"]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add pages from outside docs/, and run every notebook into a page beside it."""
    for uri, source in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, uri, content=text))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        uri = notebook.src_uri.removesuffix("ipynb") + "md"
        text = notebook_page(Path(str(notebook.abs_src_path)))
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Lead links beyond the site to the repository, and keep value and spread on one line."""
    uri = page.file.src_uri
    source = OUTSIDE.get(uri, f"docs/{uri}")
    parts = FENCE.split(markdown)
    parts[::2] = [LINK.sub(lambda link: _target(link, source, files), part) for part in parts[::2]]
    return "".join(parts).replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")


def notebook_page(path: Path) -> str:
    """Run a notebook in an empty folder; its cells and outputs as Markdown.

    Raises: CellExecutionError if a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        # One thread: two fight for the cores wherever something else runs.
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        NotebookClient(notebook, timeout=300, resources=resources).execute(env=environment)
    for cell in notebook.cells:  # warnings of libraries, with paths of this machine
        kept = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
        cell.update({"outputs": kept} if cell.cell_type == "code" else {})
    text: str = MarkdownExporter().from_notebook_node(notebook)[0]
    title, _, rest = text.lstrip().partition("\n")
    return f"{title}\n\n[Download this notebook]({path.name})\n{rest}"


def _target(link: re.Match[str], source: str, files: Files) -> str:
    """Where a link of a file of the repository leads on the site."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
    anchor = link[2] or ""
    pages = {outside: uri for uri, outside in OUTSIDE.items()}
    uri = pages.get(path, path.removeprefix("docs/") if path.startswith("docs/") else "")
    if uri.endswith(".ipynb"):
        shown = uri.removesuffix("ipynb") + "md"
        uri = uri if source == f"docs/{shown}" else shown  # its own page offers the notebook
    if uri and files.get_file_from_path(uri) is not None:
        here = posixpath.dirname(source.removeprefix("docs/")) if source.startswith("docs/") else ""
        return posixpath.relpath(uri, here or ".") + anchor
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/main/{path}{anchor}"
