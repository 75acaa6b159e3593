"""Run the server until a signal: answer what was accepted, refuse the rest, exit."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from lpt.errors import ConfigError
from lpt.serving.http.admin_app import admin_app
from lpt.serving.http.connection_guard import GuardedConnection
from lpt.serving.http.http_settings import HttpSettings
from lpt.serving.http.json_log import log_event
from lpt.serving.http.prometheus_metrics import ServerMetrics
from lpt.serving.http.served_tasks import ServedTasks
from lpt.serving.http.web_app import web_app

__all__ = ["run_server"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run_server(
    tasks: ServedTasks,
    settings: HttpSettings,
    metrics: ServerMetrics | None = None,
    *,
    on_start: Callable[[str, str | None], None] | None = None,
) -> bool:
    """Serve until SIGTERM or SIGINT, then finish what was accepted. A second signal stops at once.

    Args:
        tasks: the service; it is closed at the end.
        settings: addresses and limits.
        metrics: is served at /metrics; None for no metrics.
        on_start: called with the URLs of the server and of the admin calls, once both answer.
    Returns: whether every accepted request was answered within `grace_seconds`.
    Raises: ConfigError for an address that cannot be used.
    """
    try:
        sockets = [_listen(settings.host, settings.port)]
        if settings.admin_port is not None:
            sockets.append(_listen(settings.host, settings.admin_port))
        apps = [web_app(tasks, settings, metrics)]
        if settings.admin_port is not None:
            apps.append(admin_app(tasks, settings))
        return asyncio.run(_serve(tasks, settings, apps, sockets, on_start))
    finally:
        tasks.close()


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(
    tasks: ServedTasks,
    settings: HttpSettings,
    apps: list[FastAPI],
    sockets: list[socket.socket],
    on_start: Callable[[str, str | None], None] | None,
) -> bool:
    loop, stop, received = asyncio.get_running_loop(), asyncio.Event(), 0
    servers = [_Server(_config(app, settings)) for app in apps]

    def signalled() -> None:
        nonlocal received
        received += 1
        stop.set()
        if received > 1:
            for server in servers:
                server.should_exit = server.force_exit = True

    for number in _SIGNALS:
        loop.add_signal_handler(number, signalled)
    urls = [_url(one) for one in sockets]
    running = [
        asyncio.ensure_future(server.serve(sockets=[one]))
        for server, one in zip(servers, sockets, strict=True)
    ]
    try:
        while not all(server.started for server in servers):
            await asyncio.sleep(0.01)
        log_event("start", url=urls[0], admin=len(urls) > 1)
        if on_start is not None:
            on_start(urls[0], urls[1] if len(urls) > 1 else None)
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait([stopped, *running], return_when=asyncio.FIRST_COMPLETED)
        log_event("drain", grace_seconds=settings.grace_seconds)
        drained = await asyncio.to_thread(tasks.drain, settings.grace_seconds)
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)
        log_event("stop", drained=drained)
        return drained
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _config(app: FastAPI, settings: HttpSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=GuardedConnection,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=2,  # answers are written; this is for slow readers
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        (family, *_, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"{host}:{port}: cannot be used ({error.strerror}). Choose another host or port."
        ) from None
    listening.setblocking(False)
    return listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
