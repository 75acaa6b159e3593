"""A server in a thread starts, answers and ends with its block."""

import socket
import threading
import urllib.request

import pytest

from lpt.errors import LptError
from lpt.serving.http import HttpSettings
from lpt.serving.http.background_server import BackgroundServer


def test_it_answers_within_its_block_and_not_after(tasks):
    with BackgroundServer(tasks) as server:
        with urllib.request.urlopen(f"{server.url}/v2/health/ready") as answer:
            assert answer.status == 200
        assert server.admin_url is None
    assert tasks.draining
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{server.url}/v2/health/ready")
    assert not [one for one in threading.enumerate() if one.name == "lpt-http"]


def test_an_address_in_use_is_an_error_of_the_caller(tasks):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = HttpSettings(port=taken.getsockname()[1])
        with pytest.raises(LptError, match="cannot be used"):
            BackgroundServer(tasks, settings)
