"""Files that must repeat the version or an address agree with pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
ADDRESS = re.compile(r"https://(?:github\.com|[\w-]+\.github\.io)/[\w./-]*")


def text_of(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


def changelog_headings() -> list[str]:
    return re.findall(r"^## (.*)$", text_of("CHANGELOG.md"), re.MULTILINE)


def latest_release() -> Version:
    first = next(heading for heading in changelog_headings() if heading != "Unreleased")
    version, _, date = first.partition(" - ")
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", date)
    return Version(version)


def test_the_citation_names_the_latest_release_licence_and_address():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert Version(citation["version"]) == latest_release()
    assert citation["license"] == PROJECT["license"].partition(" AND ")[0]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["url"] == PROJECT["urls"]["Documentation"]
    assert [author["family-names"] for author in citation["preferred-citation"]["authors"]] == [
        "Dong",
        "Zhou",
        "Yan",
        "Zuo",
    ]


def test_the_changelog_leads_to_this_version():
    version = Version(PROJECT["version"])
    if version.is_devrelease:  # between releases: changes are collected for the next one
        assert changelog_headings()[0] == "Unreleased"
        assert latest_release() < version
    else:
        assert latest_release() == version


@pytest.mark.parametrize(
    "file",
    ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "pyproject.toml"]
    + [str(form.relative_to(ROOT)) for form in FORMS],
)
def test_every_address_is_one_of_this_project(file):
    homes = (PROJECT["urls"]["Repository"], PROJECT["urls"]["Documentation"].rstrip("/"))
    for address in ADDRESS.findall(text_of(file)):
        assert address.startswith(homes), address


def test_pictures_of_the_readme_are_files_of_docs():
    """Absolute addresses, which the page of the package index needs, are those of the site."""
    site = PROJECT["urls"]["Documentation"]
    pictures = re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text_of("README.md"))
    assert pictures
    for picture in pictures:
        file = "docs/" + picture.removeprefix(site) if picture.startswith(site) else picture
        assert (ROOT / file).is_file(), picture


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
    assert called == {"test", "docs", "dist", "audit", "sbom"}
    assert called <= set(targets)
