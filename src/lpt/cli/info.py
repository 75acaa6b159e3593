"""lpt info, lpt trust, lpt settings: what a run holds, what it may open, what can be set."""

import json
import textwrap
from dataclasses import asdict
from typing import Annotated

import typer

from lpt.cli.options import Run
from lpt.cli.printing import say, say_json
from lpt.errors import ConfigError
from lpt.escape import printable

__all__ = ["info", "settings", "trust"]

_WIDTH = 78


def info(
    run: Run,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show what a task file or run folder records: classes, backbone, sizes, scores, epochs.

    Neither backbone nor data is opened. The JSON holds all settings, classes and epochs.
    """
    from lpt.api.run_info import read_info, render_info

    found = read_info(run)
    if as_json:
        say_json(found.to_json())
    else:
        say(render_info(found))


def trust(run: Run) -> None:
    """Trust a run folder from elsewhere: backbone and data that its files name may be used.

    A run that was made on this machine is trusted already. Look at the names with `lpt info` first.
    """
    from lpt.api import trust_run

    for use, name in trust_run(run).items():
        say(f"trusted   {use}: {printable(name)}")


def settings(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILTER]...",
            help="Show only settings whose name or meaning holds all these words.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            help="Show the values of a recipe: default, adapters, paper, released or a file."
        ),
    ] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the settings of --set and of recipes, each with its value, what it takes and meaning.

    Settings that begin with `baseline.` are for the baselines of studies.
    """
    from lpt.config import load_config
    from lpt.config.baseline_settings import BaselineSettings
    from lpt.config.settings_table import run_settings, section_settings

    found = [*run_settings(load_config(recipe)), *section_settings(BaselineSettings(), "baseline.")]
    wanted = [word.lower() for word in words or []]
    shown = [s for s in found if all(word in f"{s.name} {s.meaning}".lower() for word in wanted)]
    if not shown:
        raise ConfigError(
            f"settings: none holds {' and '.join(words or [])}. "
            "Leave the words out to see all of them."
        )
    if as_json:
        say_json([asdict(setting) for setting in shown])
        return
    for one in shown:
        say(f"{one.name} = {json.dumps(one.default, ensure_ascii=False)}   ({one.type})")
        say(textwrap.fill(one.meaning, _WIDTH, initial_indent="    ", subsequent_indent="    "))
