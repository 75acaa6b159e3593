"""The application for Ray Serve: HTTP in front, and replicas that hold tasks behind it.

    serve run lpt.serving.ray_serve.ray_app:build folder=DIR replicas=4

Every replica has the backbone and may load every task. Ray sends the images of a task to replicas
that hold it already, so each replica keeps a part of the tasks in memory.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lpt.arguments import at_least
from lpt.errors import ConfigError
from lpt.escape import described
from lpt.serving.http.http_settings import HttpSettings
from lpt.serving.ray_serve.task_replica import TaskReplica
from lpt.serving.serving_settings import ServingSettings

__all__ = ["REPLICAS", "application", "build"]

REPLICAS = "lpt-replicas"
"""Name of the deployment that holds tasks."""

_ARGUMENTS = ("folder", "backbone", "replicas", "threads")


def application(
    tasks: Sequence[str | Path] = (),
    *,
    folder: str | Path | None = None,
    backbone: str | None = None,
    device: str = "auto",
    replicas: int = 2,
    tasks_per_replica: int = 32,
    threads: int | None = 1,
    cpus: float = 1.0,
    gpus: float = 0.0,
    settings: ServingSettings | None = None,
    http: HttpSettings | None = None,
) -> Any:
    """Return the application, for `ray.serve.run`.

    Args:
        tasks, folder, backbone, device: as for `lpt.serving.service.Service`; paths are those of
            the machines of the replicas, so give absolute ones that all have.
        replicas: processes that compute.
        tasks_per_replica: tasks for which a replica is preferred at a time.
        threads: that each replica computes with on a CPU; None for one per core.
        cpus, gpus: that Ray reserves for each replica.
        settings: limits of each replica.
        http: limits and host names; None accepts requests to this machine only. Ray has the socket,
            so host, port and the limits of connections are those of Ray.
    Raises: ParameterError for a number below 1.
    """
    for name, number in (("replicas", replicas), ("tasks_per_replica", tasks_per_replica)):
        at_least(name, number, 1)
    from ray import serve  # an extra, and slow to import

    limits, web = settings or ServingSettings(), http or HttpSettings()

    class Replica(TaskReplica):
        hold = serve.multiplexed(max_num_models_per_replica=tasks_per_replica)(TaskReplica.hold)

    def web_app() -> Any:
        from ray import serve

        from lpt.serving.http.web_app import create_app
        from lpt.serving.ray_serve.replica_tasks import ReplicaTasks

        name = serve.get_replica_context().app_name
        return create_app(ReplicaTasks(serve.get_deployment_handle(REPLICAS, app_name=name)), web)

    holding = serve.deployment(
        name=REPLICAS,
        num_replicas=replicas,
        max_ongoing_requests=limits.max_queue,
        max_queued_requests=limits.max_queue,
        ray_actor_options={"num_cpus": cpus, "num_gpus": gpus},
    )(Replica)
    facing = serve.deployment(
        name="lpt-http",
        max_ongoing_requests=web.max_connections,
        ray_actor_options={"num_cpus": 0},
    )(serve.ingress(web_app)())
    place = None if folder is None else Path(folder)
    bound = holding.bind(tuple(tasks), place, backbone, device, limits, threads)
    return facing.bind(bound)


def build(arguments: Mapping[str, str]) -> Any:
    """Return the application for `serve run` and for Ray's configuration files.

    Args:
        arguments: `folder` of tasks; `backbone`, `replicas` and `threads` as for `application`.
    Raises: ConfigError for another argument, or a number that is none.
    """
    unknown = sorted(arguments.keys() - set(_ARGUMENTS))
    if unknown or "folder" not in arguments:
        raise ConfigError(
            f"arguments {described(unknown)}: give folder=DIR, and of {', '.join(_ARGUMENTS[1:])} "
            "those that are needed."
        )
    numbers = {"replicas": 2, "threads": 1}
    for name in numbers.keys() & arguments.keys():
        if not str(arguments[name]).isdecimal():
            raise ConfigError(f"{name}={described(arguments[name])}: give a whole number.")
        numbers[name] = int(arguments[name])
    return application(
        folder=Path(arguments["folder"]).absolute(),
        backbone=arguments.get("backbone"),
        replicas=numbers["replicas"],
        threads=numbers["threads"],
    )
