"""The documentation names only what is there: files, functions, tests, settings, commands."""

import ast
import inspect
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import ModuleType

import pytest
import torch
import typer
from pydantic import BaseModel

import lpt
from lpt.cli import app
from lpt.config import RunConfig, load_config, parse_settings
from lpt.config.old_names import RUN_SETTINGS
from lpt.losses import build_loss
from lpt.studies.define.overrides import Overrides
from lpt.task.run_result import Result
from lpt.task_file import BackboneRecord, TaskSpec
from lpt.training.engine.checkpoint import Checkpoint, Position
from lpt.training.run.run_environment import environment

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
FOLDERS = ("src", "tests", "docs", "tools", "experiments")
HOSTS = {
    "github.com",
    "lpt-project.github.io",
    "img.shields.io",
    "arxiv.org",
    "doi.org",
    "openreview.net",
    "image-net.org",
    "huggingface.co",
    "docs.pytorch.org",
    "keepachangelog.com",
    "semver.org",
}
"""The only hosts that a page or a build file may name."""
BUILD_FILES = [
    "pyproject.toml",
    "constraints.txt",
    "Makefile",
    "MANIFEST.in",
    "mkdocs.yml",
    "CITATION.cff",
    ".pre-commit-config.yaml",
    ".ci/run",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("LICENSES/*")),
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/notebooks/*.ipynb")),
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(".github/**/*.*")),
]

HOST = re.compile(r"\b(?:[a-z0-9-]+\.)+(?:org|com|io|net|co|dev|ai|edu)\b", re.IGNORECASE)
ABSOLUTE_PATH = re.compile(r"(?:^|[\s`(\"'=])(/(?!dev/null\b)[A-Za-z][\w.-]*)", re.MULTILINE)
TRACKER = re.compile(r"\bissue #?\d+|(?<!\w)#\d+\b", re.IGNORECASE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield text


def commands(page: Path, program: str) -> Iterator[list[str]]:
    """Words of every line, in shell blocks and in code within the text, that runs a program."""
    lines = [line for text in blocks(page, "sh") for line in text.replace("\\\n", " ").splitlines()]
    for line in (*lines, *CODE.findall(prose(page))):
        if line.strip().startswith(f"{program} "):
            yield shlex.split(line, comments=True)[1:]


@cache
def defined_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def anchors(page: Path) -> set[str]:
    """Headings as links name them: lower case, words joined by hyphens, no punctuation."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def home_of(dotted: str) -> ModuleType:
    """The module that a dotted name leads through, once every part of the name was found."""
    parts = dotted.split(".")
    module, found = lpt, 1
    for end in range(2, len(parts) + 1):
        try:
            module, found = import_module(".".join(parts[:end])), end
        except ModuleNotFoundError:
            break
    target: object = module
    for part in parts[found:]:
        if hasattr(target, part):
            target = getattr(target, part)
        else:  # fields without a default, and attributes that are only annotated
            assert part in inspect.get_annotations(target), f"{dotted}: no '{part}'"
            break
    return module


def known_setting(path: str) -> bool:
    section: type[BaseModel] = RunConfig
    for part in path.split("."):
        if part not in getattr(section, "model_fields", {}):
            return False
        section = section.model_fields[part].annotation
    return True


def test_there_are_pages():
    names = {str(page.relative_to(ROOT)) for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/paper_map.md"} <= names


@pages
def test_links_lead_to_files_of_this_repository(page):
    for text, target in LINK.findall(prose(page)):
        if HOST.search(target):
            continue
        path = (page.parent / target.partition("#")[0]).resolve()
        assert path.exists(), f"[{text}]({target})"
        assert path.is_relative_to(ROOT), f"[{text}]({target})"


@pages
def test_links_to_headings_find_them(page):
    for text, target in LINK.findall(prose(page)):
        file, _, anchor = target.partition("#")
        if anchor and not HOST.search(target):
            path = (page.parent / file).resolve() if file else page
            assert anchor in anchors(path), f"[{text}]({target})"


@pages
def test_paths_that_are_named_exist(page):
    for code in CODE.findall(prose(page)):
        if re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*", code):
            assert (ROOT / code).exists(), code


@pages
def test_functions_that_are_named_exist(page):
    for code in CODE.findall(prose(page)):
        if re.fullmatch(r"lpt(?:\.\w+)+(?:\(\))?", code):
            home_of(code.removesuffix("()"))


@pages
def test_links_of_functions_lead_to_their_file(page):
    for text, target in LINK.findall(prose(page)):
        name = re.fullmatch(r"`(lpt(?:\.\w+)+)`", text)
        if name:
            file = Path(str(home_of(name[1]).__file__))
            assert file == (page.parent / target).resolve(), f"{text} stands in {file}"


@pages
def test_tests_that_are_named_exist(page):
    for text, target in LINK.findall(prose(page)):
        if re.fullmatch(r"`test_\w+`", text):
            assert text.strip("`") in defined_in((page.parent / target).resolve()), text
    linked = {text.strip("`") for text, _ in LINK.findall(prose(page))}
    for code in CODE.findall(prose(page)):
        if re.fullmatch(r"test_\w+", code):
            assert code in linked, f"{code} is named without a link to its file"


@pages
def test_settings_that_are_named_exist(page):
    for code in CODE.findall(prose(page)):
        path = code.partition("=")[0]
        if re.fullmatch(r"\w+(?:\.\w+)+", path) and path.split(".")[0] in RunConfig.model_fields:
            assert known_setting(path) or path in RUN_SETTINGS, code  # old names are explained


@pages
def test_commands_of_lpt_would_be_understood(page):
    for words in commands(page, "lpt"):
        command = typer.main.get_command(app)
        rest = list(words)
        while hasattr(command, "commands") and (rest or not command.invoke_without_command):
            if rest and rest[0].startswith("-"):
                break
            assert rest[0] in command.commands, f"lpt {shlex.join(words)}"
            command = command.commands[rest.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        known |= {"--help", "-h"}
        unknown = [w for w in rest if w.startswith("-") and w.partition("=")[0] not in known]
        assert not unknown, f"lpt {shlex.join(words)}: no {unknown[0]}"


@pages
def test_settings_of_commands_are_accepted(page):
    for words in commands(page, "lpt"):
        given = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
        recipe = words[words.index("--recipe") + 1] if "--recipe" in words else "default"
        if not any(text.isupper() for text in (recipe, *given)):
            settings = parse_settings(given)
            if words[0] == "study":  # which also takes settings of baselines
                settings = Overrides(settings=settings).shared
            elif page.name == "extending.md":  # names that tests/test_extending.py registers
                continue
            config = load_config(recipe).changed(settings)
            for phase in (config.phase1, config.phase2):
                build_loss(phase.loss.name, torch.tensor([2, 1]), **phase.loss.options)


@pages
def test_targets_of_make_exist(page):
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for words in commands(page, "make"):
        for word in words:
            assert word in targets or "=" in word, f"make {word}"


@pages
def test_python_compiles_and_calls_what_there_is(page):
    for text in blocks(page, "python"):
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "lpt":
                assert node.attr in lpt.__all__, ast.unparse(node)
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("lpt."):
                function = attrgetter(ast.unparse(node.func).removeprefix("lpt."))(lpt)
                keywords = {word.arg: None for word in node.keywords if word.arg}
                inspect.signature(function).bind(*node.args, **keywords)


@pages
def test_no_page_names_other_hosts_machines_or_trackers(page):
    text = page.read_text(encoding="utf-8")
    assert not {host.lower() for host in HOST.findall(text)} - HOSTS
    assert not ABSOLUTE_PATH.findall(text)
    assert not TRACKER.findall(text)


@pytest.mark.parametrize("file", BUILD_FILES)
def test_no_build_file_names_other_hosts_or_folders_of_a_machine(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not {host.lower() for host in HOST.findall(text)} - HOSTS
    assert not ABSOLUTE_PATH.findall(text)


def test_the_diagram_of_layers_is_the_import_contract():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    diagram = re.search(r"^## Layers$.*?^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert diagram is not None
    drawn = [re.split(r"\s{2,}", line.strip())[0] for line in diagram[1].splitlines()]
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert drawn == layers


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("Task file", [*TaskSpec.model_fields, *BackboneRecord.model_fields]),
        ("Run folder", list(environment())),
        ("Run folder", list(inspect.get_annotations(Result))),
        ("Run folder", list(inspect.get_annotations(Checkpoint))),
        ("Run folder", list(inspect.get_annotations(Position))),
    ],
    ids=["task file", "environment", "results", "checkpoint", "position"],
)
def test_every_field_of_our_files_is_explained(heading, fields):
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {heading}$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    explained = set(CODE.findall(section[1]))
    assert set(fields) <= explained, set(fields) - explained
