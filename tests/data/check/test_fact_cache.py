"""The cache of facts of images."""

import numpy as np
import pytest

from lpt.data.check.check_result import check_data
from lpt.data.check.fact_cache import FactCache
from lpt.data.check.fingerprint import fingerprint

from .flawed import kinds


def test_cache_gives_the_same_report_without_decoding(flawed, tmp_path, monkeypatch):
    first = check_data(flawed, workers=0, cache=tmp_path / "cache")
    decoded = []
    monkeypatch.setattr(
        "lpt.data.check.scan.fingerprint", lambda image: decoded.append(1) or fingerprint(image)
    )
    again = check_data(flawed, workers=0, cache=tmp_path / "cache")
    assert again.findings == first.findings
    assert decoded == []


def test_cache_goes_by_content_not_by_name(flawed, tmp_path):
    check_data(flawed, workers=0, cache=tmp_path / "cache")
    assert len(FactCache(tmp_path / "cache")) == 5  # images 1 to 5, whatever their names
    path = flawed.splits["train"].ref(0).path
    path.write_bytes(b"now broken")
    report = check_data(flawed, workers=0, cache=tmp_path / "cache")
    assert "not-image" in kinds(report)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x93NUMPY\x01\x00garbage"])
def test_damaged_cache_is_ignored_and_replaced(flawed, tmp_path, content):
    (tmp_path / "image-facts-1.npy").write_bytes(content)
    report = check_data(flawed, workers=0, cache=tmp_path)
    assert kinds(report) == ["empty", "leak", "not-image", "two-labels"]
    assert len(FactCache(tmp_path)) == 5


def test_cache_is_never_unpickled(tmp_path):
    with (tmp_path / "image-facts-1.npy").open("wb") as stream:
        np.save(stream, np.array([print], dtype=object), allow_pickle=True)
    assert len(FactCache(tmp_path)) == 0
