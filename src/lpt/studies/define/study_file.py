"""A study of one's own: rows in a YAML file, trained and compared like those of the paper."""

from pathlib import Path

from pydantic import ValidationError

from lpt.config.strict_yaml import MAX_BYTES, YamlError, read_yaml
from lpt.errors import ConfigError
from lpt.files.json_files import problem
from lpt.files.regular_files import read_regular
from lpt.studies.define.definition import Study, load_study, study_names, with_recipe

__all__ = ["find_study", "is_study_file", "study_title"]


def find_study(name: str, recipe: str = "default") -> Study:
    """Load a study by name, or from a YAML file of rows.

    A file has `rows`, each with the fields of `Row`, and perhaps other fields of `Study`:

        rows:
          - { label: default }
          - { label: higher rate, set: { phase1.optim.lr: 0.1 } }
          - { label: LIFT, method: lift, baseline: { lr: 0.003 } }

    Args:
        recipe: name or file of the recipe of rows that name none.
    Raises: ConfigError naming the file, the field and a remedy, or the known studies.
    """
    if not is_study_file(name):
        return load_study(name, recipe)
    path = Path(name)
    title = study_title(name)
    if title in study_names():
        raise ConfigError(f"{path}: {title} is a study of the paper. Rename the file.")
    try:
        text = read_regular(path, MAX_BYTES, error=ConfigError).decode("utf-8-sig")
        tree = read_yaml(text).value
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8. Save it as UTF-8.") from error
    except YamlError as error:
        line = "" if error.line is None else f", line {error.line}"
        raise ConfigError(f"{path}{line}: not YAML ({error}). Correct it.") from error
    if not isinstance(tree, dict) or "rows" not in tree:
        raise ConfigError(f"{path}: has no `rows`. docs/studies.md shows a study file.")
    try:
        study = Study.model_validate({"about": title, "source": path.name, **tree})
    except ValidationError as error:
        raise ConfigError(
            f"{path}: {problem(error)}. docs/studies.md shows a study file."
        ) from error
    labels = [row.label for row in study.rows]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise ConfigError(f"{path}: two rows are labelled '{twice}'. Give each its own label.")
    return with_recipe(study, recipe)


def study_title(name: str) -> str:
    """Return the name of a study's tables: that of the study, or of its file without suffix."""
    return Path(name).stem if is_study_file(name) else name


def is_study_file(name: str) -> bool:
    """Whether a study is given as a YAML file."""
    return name.endswith((".yaml", ".yml"))
