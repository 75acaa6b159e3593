"""Lengths that a page states inside its data are compared with its values."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tools.fuzz.thrift import varint

from lpt.data.parquet.delta_lengths import check_lengths
from lpt.data.parquet.thrift_fields import ThriftError, read_struct


def _data(encoding: str, texts: list[str]) -> bytes:
    """The values of a page that pyarrow wrote, without levels."""
    kind = pa.field("x", pa.string(), nullable=False)
    stream = io.BytesIO()
    options = {"use_dictionary": False, "compression": "none", "column_encoding": encoding}
    pq.write_table(pa.table([texts], schema=pa.schema([kind])), stream, **options)
    chunk = pq.ParquetFile(stream).metadata.row_group(0).column(0)
    page = stream.getvalue()[chunk.data_page_offset :][: chunk.total_compressed_size]
    return page[read_struct(page)[1] :]


@pytest.mark.parametrize("count", [1, 2, 127, 128, 129, 1000])
def test_lengths_that_pyarrow_wrote_are_accepted_and_not_one_more(count: int) -> None:
    texts = [str(i**3) * (i % 5) for i in range(count)]
    for encoding, streams in (("DELTA_LENGTH_BYTE_ARRAY", 1), ("DELTA_BYTE_ARRAY", 2)):
        data = _data(encoding, texts)
        check_lengths(data, count, streams=streams)
        with pytest.raises(ThriftError, match=f"{count:,} lengths of {count - 1:,} values"):
            check_lengths(data, count - 1, streams=streams)


@pytest.mark.parametrize(
    "data", [varint(128) + varint(0) + varint(1) + b"\0", b"", varint(128) + varint(4) + b"\x09\0"]
)
def test_what_is_no_stream_of_lengths_is_refused(data: bytes) -> None:
    with pytest.raises(ThriftError):
        check_lengths(data, 10, streams=1)
