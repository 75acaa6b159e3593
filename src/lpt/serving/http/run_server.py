"""Run the server until a signal: answer what was accepted, refuse the rest, exit."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI

from lpt.errors import ConfigError
from lpt.serving.http.admin_app import create_admin_app
from lpt.serving.http.guards.connection_guard import GuardedConnection
from lpt.serving.http.http_settings import HttpSettings
from lpt.serving.http.json_log import log_event
from lpt.serving.http.prometheus_metrics import ServerMetrics
from lpt.serving.http.served_tasks import ManagedTasks
from lpt.serving.http.web_app import create_app

__all__ = ["serve", "serve_until_signal"]

OnStart = Callable[[str, str | None], None]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve_until_signal(
    tasks: ManagedTasks,
    settings: HttpSettings,
    metrics: ServerMetrics | None = None,
    *,
    on_start: OnStart | None = None,
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

    async def until_signal() -> bool:
        loop, stop, stop_now = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def signalled() -> None:
            (stop_now if stop.is_set() else stop).set()

        for number in _SIGNALS:
            loop.add_signal_handler(number, signalled)
        try:
            return await serve(tasks, settings, metrics, stop, stop_now, on_start=on_start)
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    try:
        return asyncio.run(until_signal())
    finally:
        tasks.close()


async def serve(
    tasks: ManagedTasks,
    settings: HttpSettings,
    metrics: ServerMetrics | None,
    stop: asyncio.Event,
    stop_now: asyncio.Event | None = None,
    *,
    on_start: OnStart | None = None,
) -> bool:
    """Serve until `stop` is set, then finish what was accepted; see `serve_until_signal`.

    Args:
        tasks, settings, metrics, on_start: as for `serve_until_signal`; the service is not closed.
        stop: ends the server once accepted requests are answered.
        stop_now: ends it without waiting for them.
    """
    _allow_files(settings.max_connections)
    apps, ports = [create_app(tasks, settings, metrics)], [settings.port]
    if settings.admin_port is not None:
        apps.append(create_admin_app(tasks, settings))
        ports.append(settings.admin_port)
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(_listen(settings.host, port)) for port in ports]
        urls = [_url(one) for one in sockets]
        servers = [_Server(_config(app, settings)) for app in apps]
        running = [
            asyncio.ensure_future(server.serve(sockets=[one]))
            for server, one in zip(servers, sockets, strict=True)
        ]
        while not all(server.started for server in servers):
            for one in running:
                if one.done():
                    one.result()  # raises what stopped it
            await asyncio.sleep(0.01)
        log_event("start", url=urls[0], admin=len(urls) > 1)
        if on_start is not None:
            on_start(urls[0], urls[1] if len(urls) > 1 else None)
        await stop.wait()
        log_event("drain", grace_seconds=settings.grace_seconds)
        at_once = stop_now or asyncio.Event()
        drained = await _drain(tasks, settings.grace_seconds, at_once)
        for server in servers:
            server.should_exit, server.force_exit = True, at_once.is_set()
        await asyncio.gather(*running)
        log_event("stop", drained=drained)
        return drained


async def _drain(tasks: ManagedTasks, grace_seconds: float, stop_now: asyncio.Event) -> bool:
    """Wait in a thread of its own, which a second signal leaves behind."""
    loop = asyncio.get_running_loop()
    drained: asyncio.Future[bool] = loop.create_future()

    def finish(outcome: bool) -> None:
        if not drained.done():
            drained.set_result(outcome)

    def wait() -> None:
        outcome = tasks.drain(grace_seconds)
        with contextlib.suppress(RuntimeError):  # the loop ended meanwhile
            loop.call_soon_threadsafe(finish, outcome)

    threading.Thread(target=wait, daemon=True).start()
    hurried = asyncio.ensure_future(stop_now.wait())
    waiting: list[asyncio.Future[Any]] = [drained, hurried]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    return drained.done() and drained.result()


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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


def _allow_files(connections: int) -> None:
    """Raise the limit of open files, which counts connections, as far as the system lets us."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = connections + 512
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
