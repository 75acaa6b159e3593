"""Tables for docs/benchmarks.md from the results of `tools/gpu/run.sh`.

python -m tools.gpu.tables OUT                             prints them
python -m tools.gpu.tables OUT --write docs/benchmarks.md  puts them between the marks there
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lpt.errors import DataError
from lpt.files.atomic_files import write_text

__all__ = ["MARKS", "main", "tables", "with_tables"]

MARKS = ("<!-- tools.gpu.tables -->", "<!-- end -->")

ROWS = {
    "bare": "timm's bare forward pass",
    "inference": "inference",
    "phase1": "phase-1 step",
    "phase2": "phase-2 step",
    "phase2_cached": "phase-2 step from cached views",
}


def tables(folder: Path) -> str:
    """All tables that the results in a folder allow, as Markdown.

    Raises: DataError if there is no result.
    """
    found = {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}
    parts = [_bench(found[name]) for name in ("bench_large", "bench_small") if found.get(name)]
    epochs = {name: found[name] for name in ("epoch", "epoch_compiled") if found.get(name)}
    if epochs:
        parts.append(_epochs(epochs))
    if found.get("bench_serve"):
        parts.append(_serve(found["bench_serve"]))
    if not parts:
        raise DataError(f"{folder}: no result of tools/gpu/run.sh. Run it first.")
    return "\n\n".join(parts)


def with_tables(text: str, made: str) -> str:
    """Put tables between the marks of a document. Raises: DataError if it has no marks."""
    head, first, rest = text.partition(MARKS[0])
    _, last, tail = rest.partition(MARKS[1])
    if not first or not last:
        raise DataError(f"The document has no line {MARKS[0]} with {MARKS[1]} after it.")
    return f"{head}{MARKS[0]}\n\n{made}\n\n{MARKS[1]}{tail}"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # the step failed and left no JSON
        return {}
    return content if isinstance(content, dict) else {}


def _machine(result: Mapping[str, Any]) -> str:
    return f"{result['machine']}, torch {result['versions']['torch']}"


def _bench(result: Mapping[str, Any]) -> str:
    speeds, shares = result["images_per_second"], result["share_of_peak"]
    lines = [
        f"`{result['backbone']}`, batch {result['batch']}, {result['precision']}; "
        f"{_machine(result)}; {result['matmul_side']} cubed: "
        f"{result['matmul_gflops'] / 1000:,.1f} TFLOP/s.",
        "",
        "| | images/s | spread | share of the matrix rate | speed-up over plain |",
        "|---|---|---|---|---|",
    ]
    for name, title in ROWS.items():
        key = name if name == "bare" else f"lpt_{name}"
        gain = "" if name == "bare" else f"{result[f'{name}_speedup']:.2f}"
        lines.append(
            f"| {title} | {speeds[key]:,.0f} | {100 * result['spread'][key]:.0f} % | "
            f"{100 * shares[name]:.0f} % | {gain} |"
        )
    if "memory_ratio" in result:
        lines += ["", f"Peak memory of a phase-2 step: {result['memory_ratio']:.2f} of plain."]
    return "\n".join(lines)


def _epochs(results: Mapping[str, Mapping[str, Any]]) -> str:
    first = next(iter(results.values()))
    lines = [
        f"Training from JPEG files, {first['images']:,} images of {first['classes']} classes, "
        f"`{first['backbone']}`, {first['settings']['data.workers']} workers, "
        f"{first['settings']['precision']}; {_machine(first)}.",
        "",
        "| steps | phase 1: images/s, waiting | phase 2: images/s, waiting | 40 + 40 epochs |",
        "|---|---|---|---|",
    ]
    for name, result in results.items():
        rates, waiting = result["images_per_second"], result["waiting_share"]
        cells = (f"{rates[p]:,.0f}, {100 * waiting[p]:.0f} %" for p in ("phase1", "phase2"))
        title = "compiled" if name.endswith("compiled") else "eager"
        minutes = result["minutes_of_40_epochs_per_phase"]
        lines.append(f"| {title} | {' | '.join(cells)} | {minutes:.1f} min |")
    return "\n".join(lines)


def _serve(result: Mapping[str, Any]) -> str:
    http = result.get("http") or {}
    over_http = f", HTTP {http['http_share']:.2f} of the service" if http else ""
    return (
        f"`lpt bench serve`, `{result['backbone']}`, batch {result['batch']}: a mixed batch runs "
        f"at {result['mixed_share']:.2f} of the speed of one task's, the service at "
        f"{result['service_share']:.2f} of `Task.predict`{over_http}."
    )


def main(arguments: list[str] | None = None) -> None:
    """Print the tables, or write them into a document."""
    parser = argparse.ArgumentParser(prog="tables", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="OUT of tools/gpu/run.sh")
    parser.add_argument("--write", type=Path, metavar="FILE.md")
    asked = parser.parse_args(arguments)
    made = tables(asked.folder)
    if asked.write is None:
        print(made)
        return
    write_text(asked.write, with_tables(asked.write.read_text(encoding="utf-8"), made))


if __name__ == "__main__":
    main()
