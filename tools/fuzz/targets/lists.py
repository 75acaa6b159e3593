"""CSV, TSV and text lists of images."""

import csv
import random
from pathlib import Path

from tools.fuzz.mutations import NUMBERS, TEXTS, damaged
from tools.fuzz.samples import picture

import lpt

__all__ = ["Lists"]

COLUMNS = ("path", "image", "file", "label", "class", "split", "group", "Label", "PATH", "fold")
SPLITS = ("train", "val", "test", "holdout", "Train", "", "0")


class Lists:
    """Tables beside a few pictures, with values that are no paths, labels or splits."""

    name = "lists"

    def make(self, rng: random.Random, folder: Path) -> None:
        """Write pictures and a list."""
        names = [f"{name}.png" for name in range(4)]
        for number, name in enumerate(names):
            (folder / name).write_bytes(picture(number))
        columns = ["path", "label", *rng.sample(COLUMNS, rng.randrange(3))]
        if rng.random() < 0.3:
            rng.shuffle(columns)
        if rng.random() < 0.2:
            columns[rng.randrange(len(columns))] = rng.choice(TEXTS)
        rows = [[self._cell(rng, column, names) for column in columns] for _ in range(12)]
        suffix = rng.choice([".csv", ".tsv", ".txt", ".CSV"])
        path = folder / f"list{suffix}"
        with path.open("w", encoding="utf-8", newline="", errors="surrogatepass") as stream:
            delimiter = {".tsv": "\t", ".txt": " "}.get(suffix, rng.choice(",,,,;"))
            writer = csv.writer(
                stream, delimiter=delimiter, lineterminator=rng.choice(["\n", "\r\n"])
            )
            writer.writerows([columns, *rows] if suffix != ".txt" else [r[:2] for r in rows])
        data = path.read_bytes()
        if rng.random() < 0.2:
            data = rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\0"]) + data
        path.write_bytes(damaged(rng, data) if rng.random() < 0.4 else data)

    def load(self, folder: Path) -> None:
        """Open the list, and read every image of the splits."""
        path = next(folder.glob("list*"))
        for split in lpt.open_data(str(path)).splits.values():
            for index in range(len(split)):
                split.name_of(index)
                split.read(index)

    @staticmethod
    def _cell(rng: random.Random, column: str, names: list[str]) -> str:
        if rng.random() < 0.04:
            return str(rng.choice([*TEXTS, *NUMBERS]))
        if column in ("path", "image", "file", "PATH"):
            return rng.choice(names)
        if column == "split":
            return rng.choice(SPLITS[:3] if rng.random() < 0.97 else SPLITS)
        return rng.choice(["ant", "bee"])
