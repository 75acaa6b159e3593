"""Failures keep their kind on the way between processes."""

import asyncio
import pickle

import pytest

from lpt.serving.ray_serve.task_replica import Failure, TaskReplica
from lpt.serving.serving_records import (
    Answer,
    BadImage,
    DeadlineExceeded,
    Draining,
    QueueFull,
    ServingError,
    TaskUnavailable,
    TooLarge,
    UnknownTask,
)

from ...tiny import backbone_of, write_backbone
from ..many_tasks import png, save, task_of


@pytest.mark.parametrize(
    "error",
    [
        BadImage("image: no image."),
        DeadlineExceeded("No answer within 3 seconds."),
        Draining("The server is shutting down."),
        QueueFull("9 requests wait already.", 2.5),
        ServingError("The server failed."),
        TaskUnavailable("ant: unloaded."),
        TooLarge("image: too large."),
        UnknownTask("owl: no such task."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failure_is_the_same_error_again(error):
    again = pickle.loads(pickle.dumps(Failure.of(error))).error()
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert getattr(again, "retry_after", None) == getattr(error, "retry_after", None)


def test_a_replica_answers_and_counts(tmp_path):
    vit = write_backbone(tmp_path / "vit.safetensors")
    task = save(task_of(backbone_of(vit)), tmp_path / "ant.safetensors")
    replica = TaskReplica([task], None, str(vit), "cpu", None, 1)

    async def ask():
        return [
            await replica.answer("ant", png(), False, None),
            await replica.answer("ant", b"no image", False, None),
            await replica.answer("owl", png(), False, None),
            await replica.card("owl"),
        ]

    found, *failed = asyncio.run(ask())
    assert isinstance(found, Answer)
    assert [one.kind for one in failed] == ["BadImage", "UnknownTask", "UnknownTask"]
    assert asyncio.run(replica.report())["answered"] == {"ant": 1}
    replica._service.close()
