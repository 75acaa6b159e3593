"""What a Parquet file states about itself takes neither memory nor time before it is compared."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tools.fuzz.lying_parquet import LIES, lying, sound

from lpt.data.parquet.parquet_limits import read_bounded
from lpt.data.parquet.parquet_reader import RowGroupReader, open_parquet
from lpt.errors import DataError

OPTIONS = [
    {"compression": compression, "use_dictionary": dictionary, "data_page_version": version}
    for compression in ("none", "snappy", "zstd", "gzip")
    for dictionary in (False, True)
    for version in ("1.0", "2.0")
]


@pytest.mark.parametrize("encoding", [None, "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, o.values())))
def test_every_way_of_writing_a_file_is_read(options, encoding, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    if encoding is not None:
        options = {**options, "use_dictionary": False, "column_encoding": {"image": encoding}}
    images = [bytes([i % 7]) * (i % 300) for i in range(1000)]
    images[5] = None
    table = pa.table({"image": images, "label": [i % 3 for i in range(1000)]})
    pq.write_table(table, path, data_page_size=2000, row_group_size=500, **options)
    assert read_bounded(open_parquet(path), path, ["image", "label"]).equals(table)
    assert RowGroupReader().read(path, 999) == images[999]


def test_lies_about_sizes_are_refused_in_little_memory_and_time(tmp_path: Path) -> None:
    """In a process that may take 256 MB more than the libraries."""
    for name in LIES:
        (tmp_path / f"{name}.parquet").write_bytes(lying(name))
    (tmp_path / "sound.parquet").write_bytes(sound())
    code = """
    import resource, sys, time
    from pathlib import Path
    from lpt.data.parquet.parquet_limits import read_bounded
    from lpt.data.parquet.parquet_reader import open_parquet
    from lpt.errors import DataError

    def read(path):
        file = open_parquet(path)
        for group in range(file.num_row_groups):
            read_bounded(file, path, ["image", "label"], group=group)

    sound, *files = sorted(Path(sys.argv[1]).glob("*.parquet"), key=lambda p: p.stem != "sound")
    read(sound)  # loads the libraries
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 256 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for path in files:
        began = time.process_time()
        try:
            read(path)
        except DataError as error:
            assert "malloc" not in str(error) and time.process_time() - began < 1, error
        else:
            print(path.stem)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", LIES)
def test_each_lie_is_named_with_the_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(lying(name))
    with pytest.raises(DataError, match=r"x\.parquet: (damaged|not a readable|decodes|its footer)"):
        read_bounded(open_parquet(path), path, ["image", "label"])
