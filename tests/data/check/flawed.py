"""A small data set with one flaw of several kinds."""

from lpt.data.sources.open_data import open_data

from .corpus import encode, picture


def put(root, files):
    """Images by relative path and number: the same number gives the same bytes."""
    for name, number in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(number if isinstance(number, bytes) else encode(picture(number), "PNG"))
    return open_data(root, val_fraction=0)


FLAWED = {
    "train/owl/1.png": 1,
    "train/owl/2.png": 2,
    "train/owl/3.png": 3,
    "train/owl/bad.png": b"",
    "train/yak/2.png": 2,  # the same image under two labels
    "train/yak/4.png": 4,
    "test/owl/3.png": 3,  # a test image that is in train
    "test/yak/5.png": 5,
    "test/yak/bad.png": b"x",
}


def kinds(report):
    return sorted(finding.kind for finding in report.findings)
