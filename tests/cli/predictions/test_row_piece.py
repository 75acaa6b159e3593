"""A piece holds the rows of its images, and names those that could not be read."""

from pathlib import Path

from lpt.cli.predictions.decision_request import plain_row
from lpt.cli.predictions.given_images import GivenImage
from lpt.cli.predictions.row_bytes import format_of
from lpt.cli.predictions.row_piece import piece_of
from lpt.errors import DataError
from lpt.task import Prediction


def predict(paths):
    for path in paths:
        sure = path.stem != "b"
        yield Prediction(str(path), ("owl",), (0.9 if sure else 0.2,), ())


def test_rows_bad_images_and_classes():
    images = [
        GivenImage(Path("a.jpg")),
        GivenImage(Path("none.jpg"), DataError("none.jpg: no such file.")),
        GivenImage(Path("b.jpg")),
    ]
    piece = piece_of(predict, images, plain_row(0.5), format_of(Path("p.csv"), 1, None))
    assert piece.paths == ["a.jpg", "none.jpg", "b.jpg"]
    assert piece.bad == ["none.jpg"]
    assert piece.labels == [("a.jpg", "owl"), ("b.jpg", None)]
    assert piece.content.decode().splitlines() == [
        "a.jpg,owl,0.900000,no,",
        "none.jpg,,,,no such file.",
        "b.jpg,owl,0.200000,yes,",
    ]
