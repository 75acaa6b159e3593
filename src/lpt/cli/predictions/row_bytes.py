"""Rows of predictions as bytes that can be appended: CSV, JSON lines, or Arrow for Parquet."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lpt.cli.predictions.bulk_request import FORMATS
from lpt.cli.predictions.prediction_rows import Output, PredictionRow, formatter
from lpt.files.atomic_files import write_atomic

__all__ = ["BulkRow", "RowBytes", "format_of"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class BulkRow:
    """A row, and the feature of the image if it was asked for: (D,) float32."""

    row: PredictionRow
    feature: Floats | None = None


@dataclass(frozen=True)
class RowBytes:
    """A format of rows.

    Attributes:
        head: begins the file.
        encode: rows -> bytes that follow.
        convert: writes the final file from the partial one; None if they are the same.
    """

    head: bytes
    encode: Callable[[Sequence[BulkRow]], bytes]
    convert: Callable[[Path, Path], None] | None = None


def format_of(out: Path, classes: int, width: int | None, *, sets: bool = False) -> RowBytes:
    """Return the format that the suffix of a file names.

    Args:
        classes: number of classes per row.
        width: D, numbers of a feature; None without features.
        sets: whether rows have sets of labels.
    """
    if out.suffix == ".parquet":
        return _parquet(classes, width, sets=sets)
    assert out.suffix in FORMATS  # a checked request
    is_csv = out.suffix == ".csv"
    head, line = formatter(Output.CSV if is_csv else Output.JSONL, classes, sets=sets)
    if is_csv:
        head += "".join(f",feature_{i}" for i in range(width or 0)) + "\n"

    def text(one: BulkRow) -> str:
        written = line(one.row)
        if width is None:
            return written + "\n"
        numbers = [] if one.feature is None else [f"{x:.9g}" for x in one.feature.tolist()]
        if is_csv:
            return ",".join([written, *(numbers or [""] * width)]) + "\n"
        value = f"[{', '.join(numbers)}]" if numbers else "null"
        return f'{written[:-1]}, "feature": {value}}}\n'

    def encode(rows: Sequence[BulkRow]) -> bytes:
        return "".join(map(text, rows)).encode("utf-8", "surrogateescape")

    return RowBytes(head.encode(), encode)


def _parquet(classes: int, width: int | None, *, sets: bool) -> RowBytes:
    """Arrow batches, which can be appended one by one, and are copied to Parquet at the end."""
    import pyarrow as pa

    fields = [("path", pa.string())]
    for rank in range(1, classes + 1):
        mark = "" if rank == 1 else f"_{rank}"
        fields += [(f"label{mark}", pa.string()), (f"probability{mark}", pa.float32())]
    fields += [("matched", pa.list_(pa.int32())), ("unsure", pa.bool_())]
    fields += [("set", pa.list_(pa.string()))] if sets else []
    fields.append(("error", pa.string()))
    if width is not None:
        fields.append(("feature", pa.list_(pa.float32(), width)))
    schema = pa.schema(fields)

    def encode(rows: Sequence[BulkRow]) -> bytes:
        columns = {name: [_cells(one, classes)[name] for one in rows] for name in schema.names}
        batch = pa.RecordBatch.from_pydict(columns, schema=schema)
        return bytes(batch.serialize())

    def convert(partial: Path, out: Path) -> None:
        write_atomic(out, lambda temporary: _copy(partial, temporary, schema))

    return RowBytes(bytes(schema.serialize()), encode, convert)


def _cells(one: BulkRow, classes: int) -> dict[str, Any]:
    found = one.row.prediction
    cells: dict[str, Any] = {
        "path": os.fsencode(one.row.path).decode("utf-8", "backslashreplace"),
        "matched": None if found is None else found.matched,
        "unsure": one.row.unsure,
        "set": one.row.members,
        "error": one.row.error or None,
        "feature": one.feature,
    }
    for rank in range(1, classes + 1):
        mark = "" if rank == 1 else f"_{rank}"
        cells[f"label{mark}"] = None if found is None else found.labels[rank - 1]
        cells[f"probability{mark}"] = None if found is None else found.probabilities[rank - 1]
    return cells


def _copy(partial: Path, out: Path, schema: Any) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pa.OSFile(str(partial)) as source, pq.ParquetWriter(out, schema) as target:
        rows: list[Any] = []
        for batch in pa.ipc.open_stream(source):
            rows.append(batch)
            if sum(map(len, rows)) >= _GROUP_ROWS:
                target.write_table(pa.Table.from_batches(rows, schema))
                rows = []
        if rows:
            target.write_table(pa.Table.from_batches(rows, schema))


_GROUP_ROWS = 16_384
