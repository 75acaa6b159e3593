"""Templates of prompts: sets by name, and files of the user."""

from pathlib import Path

import pytest

from lpt.backbones.text.prompt_templates import TEMPLATES, filled, templates_named, usual_templates
from lpt.errors import ParameterError


def test_every_set_has_templates_with_one_place_for_the_name() -> None:
    for name, templates in TEMPLATES.items():
        assert templates, name
        assert all(template.count("{}") == 1 for template in templates), name


def test_every_known_data_set_has_a_set_and_photos_have_the_general_one() -> None:
    assert usual_templates("/home/me/photos") == "general"
    assert {usual_templates(name) for name in ("places-lt", "digits", "imagenet-lt")} <= set(
        TEMPLATES
    )


def test_a_file_gives_a_template_per_line(tmp_path: Path) -> None:
    file = tmp_path / "own.txt"
    file.write_text("# of mushrooms\n\na photo of a {} mushroom.\n  a {} in a forest. \n")
    assert templates_named(str(file)) == ("a photo of a {} mushroom.", "a {} in a forest.")


def test_a_name_with_braces_is_put_in_as_it_is() -> None:
    assert filled("a {}.", "{0} {}") == "a {0} {}."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a photo\n", "line 1: write {} once"),
        ("a {}\n{} and {}\n", "line 2: write {} once"),
        ("# none\n", "0 templates"),
    ],
)
def test_other_files_are_refused_with_the_line(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "own.txt"
    file.write_text(text)
    with pytest.raises(ParameterError, match=message.replace("{}", r"\{\}")):
        templates_named(str(file))


def test_a_set_that_does_not_exist_has_its_nearest_named() -> None:
    with pytest.raises(ParameterError, match="Did you mean birds"):
        templates_named("bird")
    with pytest.raises(ParameterError, match=r"Choose one of general, .*, or give a file"):
        templates_named("zzz")
