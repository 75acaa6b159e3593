"""Predict a long list of photos on a Ray cluster, into a folder of Parquet files.

    find photos -type f | sort > photos.txt
    python predict_with_ray.py RUN photos.txt predictions --actors 8

Each actor loads the backbone and the task once. The list is cut into parts, and the predictions of
a part are one file, which gets its name only when it is complete. So each photo has one row,
whatever is killed meanwhile: Ray gives the part of a lost actor to another one, and the same
command continues after anything else. The files in the order of their names hold the photos in the
order of the list. Needs the extra lpt[ray].
"""

import argparse
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lpt
import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    {"path": pa.string(), "label": pa.string(), "confidence": pa.float32(), "error": pa.string()}
)


class Predictor:
    """An actor: holds a task, and predicts a part in each call."""

    def __init__(self, run: str, out: str) -> None:
        self.task = lpt.load(run)
        self.out = Path(out)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {"images": [], "bad": []}
        for part, paths in zip(batch["part"], batch["paths"], strict=True):
            rows = self.rows([str(path) for path in paths])
            write_part(part_file(self.out, int(part)), rows)
            found["images"].append(len(rows))
            found["bad"].append(sum(row["error"] is not None for row in rows))
        return found

    def rows(self, paths: list[str]) -> list[dict[str, Any]]:
        """Predict photos; one that cannot be read has an error in its row."""
        rows = []
        for path, found in zip(paths, self.task.predict_each(paths, top=1), strict=True):
            if isinstance(found, lpt.LptError):
                rows.append({"path": path, "label": None, "confidence": None, "error": str(found)})
            else:
                best = {"label": found.labels[0], "confidence": found.probabilities[0]}
                rows.append({"path": path, **best, "error": None})
        return rows


def part_file(out: Path, part: int) -> Path:
    return out / f"part-{part:06d}.parquet"


def write_part(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a file beside its place, then rename it: another actor may write the same part."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), beside)
    beside.replace(path)


def is_done(path: Path, paths: Sequence[str]) -> bool:
    """Whether the file of a part is there, and holds these photos."""
    return path.exists() and pq.read_table(path, columns=["path"])["path"].to_pylist() == paths


def parts_of(paths: Sequence[str], size: int) -> list[dict[str, Any]]:
    """Cut a list into numbered parts."""
    starts = range(0, len(paths), size)
    return [{"part": n, "paths": list(paths[at : at + size])} for n, at in enumerate(starts)]


def main() -> None:
    """Predict what is left of the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="run folder or task file; all machines must see it")
    parser.add_argument("list", type=Path, help="text file with a path per line")
    parser.add_argument("out", type=Path, help="folder of the Parquet files; likewise")
    parser.add_argument("--actors", type=int, default=2, help="actors, each with a GPU or a core")
    parser.add_argument("--part", type=int, default=512, help="photos in a file")
    options = parser.parse_args()
    import ray

    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    paths = [line for line in options.list.read_text().splitlines() if line]
    parts = parts_of(paths, options.part)
    left = [part for part in parts if not is_done(part_file(out, part["part"]), part["paths"])]
    if left:
        ray.init(address=os.environ.get("RAY_ADDRESS", "local"), include_dashboard=False)
        gpus = ray.cluster_resources().get("GPU", 0)
        counts = ray.data.from_items(left, override_num_blocks=len(left)).map_batches(
            Predictor,
            fn_constructor_args=(str(Path(options.run).absolute()), str(out)),
            compute=ray.data.ActorPoolStrategy(size=options.actors),
            batch_size=1,
            num_cpus=1,
            num_gpus=1 if gpus else 0,
        )
        print(f"{counts.sum('images')} photos predicted now")
    errors = [pq.read_table(part_file(out, one["part"]), columns=["error"]) for one in parts]
    bad = sum(len(table) - table["error"].null_count for table in errors)
    print(f"{out}: {sum(map(len, errors))} rows, {bad} without a prediction")


if __name__ == "__main__":
    main()
