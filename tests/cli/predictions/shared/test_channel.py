"""Messages arrive as they were sent, or not at all."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from lpt.cli.predictions.shared.channel import Channel


@pytest.fixture
def pairs() -> Iterator[Callable[[], tuple[Channel, socket.socket]]]:
    """Make connected ends, which are closed afterwards."""
    with ExitStack() as stack:

        def pair() -> tuple[Channel, socket.socket]:
            one, other = socket.socketpair()
            channel = Channel(one)
            stack.callback(channel.receive)  # closes its reader
            stack.callback(channel.close)
            stack.enter_context(other)
            return channel, other

        yield pair


def test_messages_arrive_with_names_that_are_not_utf_8(pairs):
    one, end = pairs()
    other, name = Channel(end), os.fsdecode(b"caf\xe9.jpg")
    one.send({"images": [[name, None]]}, b"a,b\n" * 1000)
    one.send({"number": 2})
    message, content = other.receive()
    assert message == {"images": [[name, None]]}
    assert content == b"a,b\n" * 1000
    assert other.receive() == ({"number": 2}, b"")
    one.close()
    assert other.receive() is None


def test_a_message_that_is_cut_off_is_none(pairs):
    for part in (b"", b'{"bytes": ', b'{"bytes": 5}\nabc'):
        one, end = pairs()
        end.sendall(part)
        end.close()
        assert one.receive() is None


def test_a_closed_channel_ends_both_sides(pairs):
    one, end = pairs()
    one.close()
    assert Channel(end).receive() is None
    one.close()
