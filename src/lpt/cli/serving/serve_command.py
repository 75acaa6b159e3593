"""lpt serve: answer images over HTTP with many tasks on one backbone."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.early_checks import given_run
from lpt.cli.options import Backbone, Device, Match, NumberType, Threads, Weights
from lpt.cli.printing import say, say_note
from lpt.errors import ConfigError, LptError, ParameterError
from lpt.machine.collector import settle_collector
from lpt.machine.threads import use_threads

__all__ = ["serve"]

_NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


def serve(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TASK]...",
            help="Run folders or task files, each as PATH or NAME=PATH.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--tasks",
            metavar="DIR",
            help="Folder of run folders and task files: all are served.",
            show_default="none",
        ),
    ] = None,
    watch: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Look for new tasks in --tasks every N seconds.", show_default="never"
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    allow_public: Annotated[
        bool,
        typer.Option(
            "--allow-public",
            help="Allow a --host that other machines reach. Requests need no login.",
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Host name that requests may use; may be given again.",
            show_default="any on a public --host, else names of this machine",
        ),
    ] = None,
    admin_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of admin calls; their token is read from LPT_ADMIN_TOKEN.",
            show_default="no admin calls",
        ),
    ] = None,
    max_batch: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 32,
    max_wait_ms: Annotated[
        float, typer.Option(min=0, help="Milliseconds that an image waits for others.")
    ] = 2.0,
    max_queue: Annotated[int, typer.Option(min=1, help="Images that may wait.")] = 256,
    deadline: Annotated[float, typer.Option(help="Seconds in which an image is answered.")] = 30.0,
    grace: Annotated[float, typer.Option(help="Seconds for accepted images after SIGTERM.")] = 20.0,
    memory: Annotated[int, typer.Option(min=1, help="MB of memory for prompts of tasks.")] = 1024,
    max_body: Annotated[int, typer.Option(min=1, help="MB of a request.")] = 32,
    decode_threads: Annotated[int, typer.Option(min=1, help="Threads that decode images.")] = 2,
    training_images: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Training images of a run that the nearest ones on the page come from; 0: none.",
            show_default="1000, or none with --allow-public",
        ),
    ] = None,
    match: Match = None,
    backbone: Backbone = None,
    backbone_weights: Weights = NumberType.FLOAT32,
    device: Device = None,
    threads: Threads = None,
) -> None:
    """Serve tasks over HTTP: all on one backbone, with a page at /.

    SIGTERM and Ctrl-C end the server once accepted images are answered; exit code 0.
    """
    given = tasks or []
    _check_tasks(given, folder)
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise LptError(f"serve: needs {missing[0]}. Install it with: pip install 'lpt[serve]'")
    from lpt.serving.http.http_settings import HttpSettings

    settings = HttpSettings(
        host=host,
        port=port,
        allow_public=allow_public,
        allowed_hosts=tuple(allow_host) if allow_host else None,
        admin_port=admin_port,
        admin_token=os.environ.get("LPT_ADMIN_TOKEN"),
        max_bytes=max_body * 2**20,
        grace_seconds=grace,
    )
    use_threads(threads)
    from lpt.serving.http.json_log import start_log
    from lpt.serving.http.prometheus_metrics import ServerMetrics
    from lpt.serving.http.run_server import serve_until_signal
    from lpt.serving.service import Service
    from lpt.serving.serving_settings import ServingSettings

    metrics = ServerMetrics()
    service = Service(
        given,
        folder=folder,
        backbone=backbone,
        device=device,
        settings=ServingSettings(
            max_batch=max_batch,
            max_wait_ms=max_wait_ms,
            max_queue=max_queue,
            deadline_s=deadline,
            decode_threads=decode_threads,
            device_bytes=memory * 2**20,
            memory_bytes=memory * 2**20,
            watch_s=watch,
            max_bytes=max_body * 2**20,
            training_images=_shown_images(training_images, allow_public),
            match=None if match is None else match.value,
            backbone_weights=backbone_weights.value,
        ),
        observer=metrics,
    )
    start_log()

    def started(url: str, admin: str | None) -> None:
        settle_collector()  # a full collection would make every request wait
        say(f"serving   {len(service.cards())} tasks at {url}")
        if admin is not None:
            say(f"admin     {admin}")

    if not serve_until_signal(service, settings, metrics, on_start=started):
        say_note(f"lpt: stopped before every accepted image was answered (--grace {grace:g}).")
        raise typer.Exit(1)


def _shown_images(given: int | None, allow_public: bool) -> int:
    """Training images are private unless the operator offers them to other machines."""
    if given is not None:
        return given
    return 0 if allow_public else 1000


def _check_tasks(tasks: list[str], folder: Path | None) -> None:
    """Refuse typos before torch is imported."""
    if not tasks and folder is None:
        raise ConfigError("serve: no task given. Give run folders or task files, or --tasks DIR.")
    if folder is not None and not folder.is_dir():
        raise ParameterError(f"--tasks {folder}: no such folder.")
    for task in tasks:
        name, equals, path = task.partition("=")
        given_run(Path(path if equals and "/" not in name and not Path(task).exists() else task))
