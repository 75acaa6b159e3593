"""Versions are compared with what the package asks for."""

from lpt.cli.health.health_report import HealthReport
from lpt.cli.health.packages import check_packages, check_requirements


def checked(*requirements):
    report = HealthReport()
    check_requirements(report, requirements)
    return report


def test_a_package_that_is_missing_or_too_old_is_a_problem():
    report = checked("numpy>=1", "numpy>=9999", "no-such-package>=2", "other; sys_platform=='x'")
    assert len(report.problems) == 2
    assert "but lpt needs numpy>=9999" in report.problems[0].fault
    assert report.problems[0].fault.startswith("numpy ")
    assert (
        report.problems[1].fault == "no-such-package is missing, but lpt needs no-such-package>=2"
    )
    assert report.problems[1].remedy == "Run: pip install 'no-such-package>=2'"


def test_an_extra_is_installed_if_all_of_it_is():
    report = checked(
        'numpy>=1; extra == "whole"',
        'numpy>=1; extra == "half"',
        'no-such-package; extra == "half"',
        "numpy; extra == 'single'",
        'no-such-package; extra == "dev"',
    )
    assert report.values["extras"] == {"installed": ["whole", "single"], "missing": ["half"]}
    assert not report.problems


def test_this_installation_is_whole():
    report = HealthReport()
    check_packages(report)
    assert report.is_healthy, report.render()
    assert report.values["packages"]["torch"]
