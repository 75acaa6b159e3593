"""A fake service, clients that call the application directly, and a server on a real socket."""

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from lpt.serving.http import HttpSettings, ServerMetrics, create_app
from lpt.serving.http.background_server import BackgroundServer

from .fake_tasks import FakeTasks


@pytest.fixture
def tasks() -> Iterator[FakeTasks]:
    made = FakeTasks()
    yield made
    made.close()


@pytest.fixture
def client_with(tasks: FakeTasks) -> Callable[..., TestClient]:
    def client(**settings) -> TestClient:
        app = create_app(tasks, HttpSettings(**settings), ServerMetrics())
        return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)

    return client


@pytest.fixture
def client(client_with: Callable[..., TestClient]) -> TestClient:
    return client_with()


class Running(BackgroundServer):
    """A server in a thread, with metrics."""

    def __init__(self, tasks: FakeTasks, settings: HttpSettings) -> None:
        super().__init__(tasks, settings, ServerMetrics())

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        return host, int(port)


@pytest.fixture
def server_with(tasks: FakeTasks) -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def server(**settings) -> Running:
        running.append(Running(tasks, HttpSettings(**{"port": 0, "grace_seconds": 5, **settings})))
        return running[-1]

    yield server
    tasks.gate.set()
    for one in running:
        one.stop()


@pytest.fixture
def server(server_with: Callable[..., Running]) -> Running:
    return server_with()
