"""Files that must repeat the version or an address agree with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
ADDRESS = re.compile(r"https://(?:github\.com|[\w-]+\.github\.io)/[\w./-]*")


def text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def test_the_citation_names_version_licence_and_address():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"].partition(" AND ")[0]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["url"] == PROJECT["urls"]["Documentation"]
    assert [author["family-names"] for author in citation["preferred-citation"]["authors"]] == [
        "Dong",
        "Zhou",
        "Yan",
        "Zuo",
    ]


def test_the_changelog_ends_its_unreleased_section_at_this_version():
    headings = re.findall(r"^## (.*)$", text_of("CHANGELOG.md"), re.MULTILINE)
    released = headings[1:] if headings[0] == "Unreleased" else headings
    assert re.fullmatch(re.escape(PROJECT["version"]) + r" - \d{4}-\d{2}-\d{2}", released[0])


@pytest.mark.parametrize(
    "file",
    ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml"]
    + [str(form.relative_to(ROOT)) for form in FORMS],
)
def test_every_address_is_one_of_this_project(file):
    homes = (PROJECT["urls"]["Repository"], PROJECT["urls"]["Documentation"].rstrip("/"))
    for address in ADDRESS.findall(text_of(file)):
        assert address.startswith(homes), address


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_issue_forms_have_what_a_form_needs(form):
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.name == "config.yml":
        assert content["contact_links"]
        return
    assert content["name"]
    assert content["description"]
    ids = [field["id"] for field in content["body"]]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in content["body"])


def test_workflows_run_the_targets_of_make():
    targets = re.findall(r"^(\w+):", text_of("Makefile"), re.MULTILINE)
    called = set()
    for workflow in (ROOT / ".github" / "workflows").glob("*.yml"):
        jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
        steps = [step for job in jobs.values() for step in job["steps"]]
        runs = [step["run"] for step in steps if "run" in step]
        called |= {run.split()[1] for run in runs if run.startswith("make ")}
    assert called == {"test", "docs", "dist"}
    assert called <= set(targets)
