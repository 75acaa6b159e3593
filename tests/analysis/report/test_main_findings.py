"""The findings of an analysis in a few lines."""

from dataclasses import replace

from lpt.analysis.analysis_results import Analysis
from lpt.analysis.report.main_findings import main_findings


def test_findings_are_three_to_six_lines(found: Analysis):
    lines = main_findings(found)
    assert 3 <= len(lines) <= 6
    heads = [line.split()[0] for line in lines]
    assert heads[:2] == ["accuracy", "confused"]
    assert heads[-2:] == ["labels", "confidence"]


def test_accuracy_has_its_numbers_of_images(found: Analysis):
    line = main_findings(found)[0]
    overall = f"{100 * found.summary['overall']:.1f}"
    assert line.startswith(f"accuracy    {overall} % of 120 test images (many ")
    images = sum(c.test_images for c in found.classes if c.group == "few")
    assert f"few {100 * found.summary['few']:.1f} % of {images})" in line


def test_suspects_of_training_are_counted_if_they_are_known(found: Analysis):
    def labels(analysis: Analysis) -> str:
        return next(line for line in main_findings(analysis) if line.startswith("labels"))

    of_test = f"{found.label_error_count:,} of the test images"
    assert labels(found) == f"labels      probably wrong (90% sure): {of_test}"
    known = replace(found, training_suspects=7)
    assert (
        labels(known)
        == f"labels      probably wrong (90% sure): 7 of the training images, {of_test}"
    )


def test_an_analysis_without_mistakes_has_no_pair(found: Analysis):
    perfect = replace(found, worst_pair=None, short=(), confusions=())
    lines = main_findings(perfect)
    assert lines[1] == "confused    no two classes"
    assert len(lines) == 4
    once = replace(found, worst_pair=None)
    assert main_findings(once)[1] == "confused    no two classes more than once"
