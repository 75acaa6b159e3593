"""Arguments that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from lpt.errors import ConfigError

__all__ = ["DATA_HELP", "Data", "Device", "Run", "Seed", "Workers", "check_free", "named_data"]

DATA_HELP = (
    "Folder of class folders (with train/val/test or one folder), CSV/TSV/text list, Parquet file "
    "or folder, hf:NAME, or a set that `lpt data list` names. Options follow a colon: "
    "DIR:list=lists/lt100.csv, DIR:test=OTHER."
)
Data = Annotated[str, typer.Argument(help=DATA_HELP, show_default=False)]
Run = Annotated[Path, typer.Argument(help="Run folder or task file.", show_default=False)]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; by default a GPU if there is one.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Workers = Annotated[
    int, typer.Option(min=0, help="Processes that load images; 0 loads in this one.")
]


def named_data(entries: list[str]) -> dict[str, str]:
    """Data by name: `name=PATH`, or PATH, named after itself; options of data hold = too.

    Raises: ConfigError if two have one name.
    """
    named: dict[str, str] = {}
    for entry in entries:
        name, equals, source = entry.partition("=")
        if not equals or not name or ":" in name or "/" in name or Path(entry).exists():
            name, source = Path(entry.partition(":")[0]).absolute().stem or entry, entry
        if name in named:
            raise ConfigError(
                f"{entry}: '{name}' is named already, for {named[name]}. "
                f"Name each data set, such as other-{name}={source}."
            )
        named[name] = source
    return named


def check_free(*files: Path | None) -> None:
    """Refuse to write over what is there, before any work is done. Raises: ConfigError."""
    for file in files:
        if file is not None and file.exists():
            raise ConfigError(f"{file}: exists already. Choose another name, or remove it first.")
