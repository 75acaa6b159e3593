"""Messages arrive as they were sent, or not at all."""

import os
import socket

from lpt.cli.predictions.shared.channel import Channel


def pair() -> tuple[Channel, socket.socket]:
    one, other = socket.socketpair()
    return Channel(one), other


def test_messages_arrive_with_names_that_are_not_utf_8():
    one, end = pair()
    other, name = Channel(end), os.fsdecode(b"caf\xe9.jpg")
    one.send({"images": [[name, None]]}, b"a,b\n" * 1000)
    one.send({"number": 2})
    message, content = other.receive()
    assert message == {"images": [[name, None]]}
    assert content == b"a,b\n" * 1000
    assert other.receive() == ({"number": 2}, b"")


def test_a_message_that_is_cut_off_is_none():
    for part in (b"", b'{"bytes": ', b'{"bytes": 5}\nabc'):
        one, end = pair()
        end.sendall(part)
        end.close()
        assert one.receive() is None


def test_a_closed_channel_ends_both_sides():
    one, end = pair()
    one.close()
    assert Channel(end).receive() is None
    one.close()
