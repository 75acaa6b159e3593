"""Findings of the report, on cases with one thing to find."""

from dataclasses import replace

from lpt.analysis.analysis_results import Analysis
from lpt.analysis.confusions import ConfusedPair
from lpt.analysis.report.advice import advice


def titles(found: Analysis) -> list[str]:
    return [item.title for item in advice(found)]


def flawless(found: Analysis) -> Analysis:
    calm = tuple(replace(curve, error=0.01) for curve in found.calibration)
    return replace(
        found, worst_pair=None, short=(), label_errors=(), confusions=(), calibration=calm
    )


def test_a_run_without_flaws_gets_no_advice(found: Analysis) -> None:
    assert titles(flawless(found)) == []


def test_the_worst_pair_is_counted_in_both_directions(found: Analysis) -> None:
    given = advice(replace(flawless(found), worst_pair=ConfusedPair(1, 3, 7, 2)))
    cat, dog = found.classes[1], found.classes[3]
    assert given[0].title == "Most confused pair: cat and dog"
    assert f"7 of {cat.test_images} images of “cat” are predicted as “dog”" in given[0].text
    assert f"2 of {dog.test_images} images of “dog” are predicted as “cat”" in given[0].text


def test_a_class_without_test_images_is_not_0_of_0(found: Analysis) -> None:
    given = advice(replace(flawless(found), worst_pair=ConfusedPair(1, 4, 7, 0)))
    assert "“untested” has no test images" in given[0].text
    assert "0 of 0" not in given[0].text


def test_the_only_test_image_of_a_class_is_named_as_such(found: Analysis) -> None:
    classes = (found.classes[0], replace(found.classes[1], test_images=1), *found.classes[2:])
    pair = ConfusedPair(1, 3, 1, 1)
    given = advice(replace(flawless(found), classes=classes, worst_pair=pair))
    assert given[0].text.startswith("The only test image of “cat” is predicted as “dog”; 1 of ")


def test_a_weak_model_is_not_trusted_to_judge_labels(found: Analysis) -> None:
    suspects = replace(flawless(found), label_errors=found.typical[:1])
    strong = replace(suspects, summary=found.summary | {"overall": 0.9})
    weak = replace(suspects, summary=found.summary | {"overall": 0.2})
    assert titles(strong) == titles(weak) == ["Labels to check"]
    assert "mistakes of the model" not in advice(strong)[0].text
    assert "mistakes of the model" in advice(weak)[0].text


def test_the_worst_calibrated_group_is_named(found: Analysis) -> None:
    curves = tuple(replace(c, error=0.2 if c.group == "few" else 0.01) for c in found.calibration)
    given = advice(replace(flawless(found), calibration=curves))
    assert given[0].text.startswith(
        "Images of few-shot classes: confidence differs from accuracy by 20.0 points"
    )
