"""A process that predicts answers messages, reports errors, and ends with the one that writes."""

import signal
import socket

import pytest
import torch

from lpt.cli.predictions.given_images import GivenImage
from lpt.cli.predictions.row_piece import RowPiece
from lpt.cli.predictions.shared.channel import Channel
from lpt.cli.predictions.shared.prediction_worker import NUMBER, SOCKET, PredictionWorker
from lpt.cli.printing import say_note
from lpt.errors import LptError, ParameterError


@pytest.fixture
def ends():
    one, other = map(Channel, socket.socketpair())
    yield PredictionWorker(1, one), other
    for end in (one, other):
        end.close()
        while end.receive() is not None:  # closes its reader at the end
            pass


def answer(images: list[GivenImage]) -> RowPiece:
    paths = [str(image.path) for image in images]
    bad = [str(image.path) for image in images if image.error is not None]
    return RowPiece(paths, "".join(paths).encode(), bad, [(paths[0], None)])


def test_the_place_is_in_the_environment():
    assert PredictionWorker.of_environment({}) is None
    one, other = socket.socketpair()
    found = PredictionWorker.of_environment({SOCKET: str(one.detach()), NUMBER: "3"})
    assert found.number == 3
    found.channel.send({"facts": {}})
    found.channel.close()
    assert found.channel.receive() is None
    channel = Channel(other)
    assert channel.receive() == ({"facts": {}}, b"")
    assert channel.receive() is None
    channel.close()


def test_sigterm_ends_a_process_that_predicts_at_once():
    one, other = socket.socketpair()
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        PredictionWorker.of_environment({SOCKET: str(one.detach()), NUMBER: "0"}).channel.close()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
        other.close()


def test_each_message_is_answered_until_there_are_no_more(ends):
    worker, channel = ends
    channel.send({"number": 0, "images": [["a.jpg", None], ["b.jpg", ["b.jpg: gone.", "Look."]]]})
    channel.finish()
    worker.serve({"width": 3}, answer)
    assert channel.receive() == ({"facts": {"width": 3}}, b"")
    message, content = channel.receive()
    assert message == {"number": 0, "bad": ["b.jpg"], "labels": [["a.jpg", None]]}
    assert content == b"a.jpgb.jpg"


def test_an_error_is_sent_and_not_printed(ends, capsys):
    worker, channel = ends

    def fail() -> None:
        with worker.prepared():
            say_note("a note that worker 0 prints")
            raise ParameterError("`threshold` 7: give a probability.")

    with pytest.raises(SystemExit):
        fail()
    assert channel.receive() == ({"error": ["--threshold 7: give a probability."]}, b"")
    assert capsys.readouterr() == ("", "")


def test_an_error_while_it_predicts_is_sent(ends):
    worker, channel = ends

    def fail(images: list[GivenImage]) -> RowPiece:
        raise LptError("The model gives numbers that are not finite.")

    channel.send({"number": 0, "images": []})
    with pytest.raises(SystemExit):
        worker.serve({}, fail)
    channel.receive()
    assert channel.receive()[0]["error"] == ["The model gives numbers that are not finite."]


def test_it_ends_quietly_once_nobody_listens(ends):
    worker, channel = ends
    channel.close()
    with pytest.raises(SystemExit):
        worker.serve({}, answer)


def test_each_takes_a_gpu_of_its_own(ends, monkeypatch):
    worker, _ = ends
    assert worker.device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert worker.device(None) == "cuda:1"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert worker.device(None) is None
