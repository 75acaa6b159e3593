"""Load named recipes and YAML files of settings; parse `key=value` settings."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from lpt.config.old_names import current_names
from lpt.config.run_config import RunConfig
from lpt.config.validation import validated
from lpt.errors import ConfigError

__all__ = ["load_config", "parse_settings", "recipe_names"]


def load_config(recipe: str | Path = "default", *, warn: bool = True) -> RunConfig:
    """Load a recipe by name or from a YAML file.

    A recipe contains only what differs from its base: the packaged recipe or the YAML file that its
    `recipe` names (a file relative to this one), or else the defaults in `lpt.config.sections`.

    Args:
        warn: whether settings under their old names give a warning.
    Raises: ConfigError naming the file or setting, the value and the remedy.
    """
    return _load(recipe, warn, ())


def _load(recipe: str | Path, warn: bool, above: tuple[Path, ...]) -> RunConfig:
    """Read a recipe and its bases; `above` are the files that lead to it."""
    text, origin = _recipe_text(recipe)
    try:
        tree = _from_yaml(text) or {}
    except ValueError as error:
        raise ConfigError(f"{origin}: not YAML ({error}). Correct it.") from error
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{origin}: a mapping of settings is expected, not {type(tree).__name__}."
        )
    tree = current_names(tree, warn=warn)
    base, named = RunConfig(), tree.get("recipe")
    if named in recipe_names() and named not in (str(recipe), base.recipe):
        base = load_config(str(named))
    elif isinstance(named, str) and named.endswith((".yaml", ".yml")):
        chain = (*above, Path(recipe).resolve())
        file = (chain[-1].parent / named).resolve()
        if file in chain:
            raise ConfigError(f"{origin}: recipe {named} leads back to {file.name}. Name another.")
        base = _load(file, warn, chain)
        tree["recipe"] = base.recipe
    return validated(RunConfig, _merged(base.model_dump(mode="json"), tree), str(origin))


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Parse `key=value` settings, with YAML values, for `RunConfig.changed`."""
    return dict(_parse(setting) for setting in settings)


def recipe_names() -> tuple[str, ...]:
    """Names of the packaged recipes."""
    folder = resources.files("lpt") / "recipes"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def _recipe_text(recipe: str | Path) -> tuple[str, str]:
    if str(recipe) in recipe_names():
        packaged = resources.files("lpt") / "recipes" / f"{recipe}.yaml"
        return packaged.read_text(encoding="utf-8"), f"recipe {recipe}"
    path = Path(recipe)
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(recipe_names())
        raise ConfigError(
            f"recipe '{recipe}': no such recipe or readable YAML file. Recipes: {known}."
        ) from error


def _merged(defaults: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge a recipe into the defaults by section; options of a loss are replaced with the loss."""
    merged = dict(defaults)
    for name, value in changes.items():
        nested = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if nested and name != "options" else value
    return merged


def _parse(setting: str) -> tuple[str, Any]:
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"--set {setting}: write it as key=value, such as phase1.epochs=5.")
    try:
        value = _from_yaml(text)
    except ValueError as error:
        raise ConfigError(f"--set {setting}: the value is not YAML ({error}).") from error
    return path.strip(), _number(value)


def _from_yaml(text: str) -> Any:
    """Parse YAML. Raises: ValueError with one line (PyYAML leaks ValueError from dates)."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(str(error).splitlines()[0]) from error


def _number(value: Any) -> Any:
    """Convert text such as 1e-3 to a number: YAML 1.1 reads it as text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
