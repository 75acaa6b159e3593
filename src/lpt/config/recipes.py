"""Load named recipes and YAML files of settings; parse `key=value` settings."""

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lpt.config.merging import merged
from lpt.config.old_names import current_names
from lpt.config.run_config import RunConfig
from lpt.config.strict_yaml import MAX_BYTES, YamlError, read_yaml
from lpt.config.validation import setting_names, validated
from lpt.errors import ConfigError
from lpt.escape import shortened
from lpt.files.regular_files import read_regular

__all__ = ["load_config", "parse_settings", "recipe_names"]

_MAX_BASES = 20
_BEGINS_SETTING = re.compile(
    rf"""(?m)(?:^|[{{,])\s*["']?(?:{"|".join(RunConfig.model_fields)})["']?\s*[.:]"""
)


def load_config(
    recipe: str | Path = "default",
    *,
    warn: bool = True,
    unstated: Mapping[str, Any] = MappingProxyType({}),
) -> RunConfig:
    """Load a recipe by name or from a YAML file.

    A recipe contains only what differs from its base: the packaged recipe or the YAML file that its
    `recipe` names (a file relative to this one), or else the defaults in `lpt.config.sections`.

    Args:
        warn: whether settings under their old names give a warning.
        unstated: values, by section, of settings that the file does not state, in place of the
            defaults.
    Raises: ConfigError naming the file or setting, the value and the remedy.
    """
    return _load(recipe, warn, (), unstated)


def _load(
    recipe: str | Path,
    warn: bool,
    above: tuple[Path, ...],
    unstated: Mapping[str, Any] = MappingProxyType({}),
) -> RunConfig:
    """Read a recipe and its bases; `above` are the files that lead to it."""
    text, origin = _recipe_text(recipe)
    try:
        document = read_yaml(text)
    except YamlError as error:
        line = "" if error.line is None else f", line {error.line}"
        why = f" ({error})" if _BEGINS_SETTING.search(text) else ", and not a recipe"
        raise ConfigError(f"{origin}{line}: not YAML{why}. Correct it.") from error
    tree = {} if document.value is None else document.value
    if not isinstance(tree, dict):
        raise ConfigError(
            f"{origin}: a mapping of settings is expected, not {type(tree).__name__}."
        )
    if tree and not any(map(_is_like_setting, tree)):  # of a file of secrets, nothing is repeated
        raise ConfigError(
            f"{origin}: not a recipe: it holds no setting of lpt. "
            "Give a YAML file of settings; `lpt settings` lists them."
        )
    tree = current_names(tree, warn=warn)
    base, named = RunConfig(), tree.get("recipe")
    if len(above) > _MAX_BASES:
        raise ConfigError(f"{origin}: more than {_MAX_BASES} recipes that start from each other.")
    if (
        isinstance(named, str)
        and named in recipe_names()
        and named not in (str(recipe), base.recipe)
    ):
        base = load_config(str(named))
    elif isinstance(named, str) and named.endswith((".yaml", ".yml")):
        chain = (*above, Path(recipe).resolve())
        file = (chain[-1].parent / named).resolve()
        if file in chain:
            raise ConfigError(f"{origin}: recipe {named} leads back to {file.name}. Name another.")
        base = _load(file, warn, chain)
        tree["recipe"] = base.recipe
    changed = merged(merged(base.model_dump(mode="json"), unstated), tree, origin)
    return validated(RunConfig, changed, origin, document.line_of)


def _is_like_setting(key: object) -> bool:
    """Whether a key of a file is a setting or a part of one's name, perhaps misspelled."""
    known = {part for name in setting_names(RunConfig) for part in name.split(".")}
    parts = str(key)[:200].split(".")
    return any(get_close_matches(part, known, cutoff=0.75) for part in parts[:4])


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
        return read_regular(path, MAX_BYTES, error=ConfigError).decode("utf-8-sig"), str(path)
    except (ConfigError, UnicodeDecodeError) as error:
        if isinstance(error, ConfigError) and os.path.exists(path) and not path.is_dir():  # noqa: PTH110
            raise
        known = ", ".join(recipe_names())
        raise ConfigError(
            f"recipe '{recipe}': no such recipe or readable YAML file. Recipes: {known}."
        ) from error


def _parse(setting: str) -> tuple[str, Any]:
    path, equals, text = setting.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"--set {setting}: write it as key=value, such as phase1.epochs=5.")
    try:
        value = read_yaml(text).value
    except YamlError as error:
        raise ConfigError(
            f"--set {path}={shortened(text, 100)}: the value is not YAML ({error})."
        ) from error
    return path.strip(), _number(value)


def _number(value: Any) -> Any:
    """Convert text such as 1e-3 to a number: YAML 1.1 reads it as text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
