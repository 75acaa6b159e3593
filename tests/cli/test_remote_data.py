"""Commands on data in object storage, on a local S3 server."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lpt.files.remote.byte_ranges import forget_blocks

from ..s3_server import S3Server
from .running import Lpt, refused, train

DATA, USED = "s3://lpt-bucket/birds", "s3://lpt-bucket/used"


def picture(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def server(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> S3Server:
    folder = tmp_path_factory.mktemp("birds")
    for name, labels in {"train": ["owl"] * 12 + ["wren"] * 6, "test": ["owl", "wren"]}.items():
        images = [picture(1000 * len(labels) + n) for n in range(len(labels))]
        table = pa.table({"image": images, "label": labels})
        pq.write_table(table, folder / f"{name}-0.parquet", row_group_size=4)
    s3_server.put("lpt-bucket")
    for name in ("birds", "used"):
        s3_server.upload(folder, f"lpt-bucket/{name}")
    return s3_server


@pytest.fixture(autouse=True)
def _client(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    forget_blocks()


@pytest.mark.slow
def test_data_in_storage_is_trained_on_and_evaluated_and_a_changed_object_refused(
    lpt: Lpt, server: S3Server, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    code, _, err = train(lpt, USED, out)
    assert code == 0, err
    assert USED in (out / "config.yaml").read_text()
    code, printed, err = lpt("evaluate", str(out), USED, "--json")
    assert code == 0, err
    assert json.loads(printed)
    (cached,) = {path.parent.parent for path in (tmp_path / "cache").glob("remote/*/*")}
    assert sum(path.stat().st_size for path in cached.glob("*/*")) < 10**6
    server.put("lpt-bucket/used/train-0.parquet", b"x" * 5000)
    refused(lpt("train", "--out", str(out), "--resume"), f"{USED}/train-0.parquet", "not a read")


def test_data_in_storage_is_inspected(command: Lpt, server: S3Server) -> None:
    code, printed, err = command("data", "inspect", DATA)
    assert code == 0, err
    assert printed.startswith(f"{DATA}: 2 classes\n")
    for wrong in ("s3://no-such-bucket/x", "s3://lpt-bucket/x"):
        refused(command("data", "inspect", wrong), f"{wrong}: no such folder")


def test_images_in_storage_are_not_predicted_one_by_one(command: Lpt, tmp_path: Path) -> None:
    said = f"{DATA}: only images on this machine", "lpt evaluate"
    refused(command("predict", str(tmp_path), DATA), *said)
