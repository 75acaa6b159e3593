"""The door: every accepted request ends once, with the answer of the right version."""

import io
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lpt.errors import ConfigError, TaskFileError
from lpt.serving.engine import Engine
from lpt.serving.service import Service, ServingSettings
from lpt.serving.serving_records import (
    BadImage,
    DeadlineExceeded,
    Draining,
    QueueFull,
    TaskUnavailable,
    TooLarge,
    UnknownTask,
)
from lpt.task import Task
from lpt.task.class_prior import source_prior
from lpt.task.task_digest import task_digest

from ..tiny import backbone_of
from .many_tasks import classes, png, save, task_of, write_lively

TASKS = ("ant", "bee", "cat")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return backbone_of(write_lively(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


@pytest.fixture(scope="module")
def made(backbone) -> dict[str, Task]:
    kinds = ({}, {"phases": 1, "temperature": 0.5}, {"shared_blocks": 3, **classes(6)})
    return {n: task_of(backbone, i, **k) for i, (n, k) in enumerate(zip(TASKS, kinds, strict=True))}


@pytest.fixture
def folder(made, tmp_path) -> Path:
    for name, task in made.items():
        save(task, tmp_path / "tasks" / f"{name}.safetensors")
    return tmp_path / "tasks"


@pytest.fixture
def service(folder, backbone):
    with Service(folder=folder, backbone=backbone, device="cpu") as service:
        assert service.index(60)
        yield service


def test_answers_are_those_of_the_task_alone(service, made, folder):
    asked = [(name, seed) for seed in range(6) for name in TASKS]
    futures = [service.submit(name, png(seed), embedding=True) for name, seed in asked]
    for (name, seed), future in zip(asked, futures, strict=True):
        answer, task = future.result(60), made[name]
        (wanted,) = task.predict(png(seed), top=99)
        order = answer.probabilities.argsort(descending=True)
        assert answer.task == name
        assert answer.version == f"{name}@{task_digest(folder / f'{name}.safetensors')[:12]}"
        assert tuple(answer.labels[i] for i in order) == wanted.labels
        assert answer.probabilities[order].tolist() == pytest.approx(wanted.probabilities, abs=1e-5)
        assert answer.matched == wanted.matched
        assert answer.embedding.numpy() == pytest.approx(task.embed(png(seed))[0], abs=1e-5)
        assert answer.embedding.untyped_storage().nbytes() == answer.embedding.nbytes
        assert set(answer.timings) == {"decode", "wait", "compute"}
        assert answer.class_counts == task.spec.class_counts
        assert np.array_equal(answer.source_prior, source_prior(task.spec))


def test_a_transformed_array_gives_the_answer_of_its_image(service, made):
    transform = made["ant"].transform
    array = transform(Image.open(io.BytesIO(png(3)))).numpy()
    one, other = (service.submit("ant", image).result(60) for image in (array, png(3)))
    assert one.probabilities.tolist() == pytest.approx(other.probabilities.tolist(), abs=1e-6)
    assert one.embedding is None


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (b"", BadImage),
        (b"no image at all", BadImage),
        (png()[:200], BadImage),
        (np.zeros((3, 8, 8), np.float32), BadImage),
        (np.zeros((3, 16, 16), np.float64), BadImage),
        (np.full((3, 16, 16), np.nan, np.float32), BadImage),
    ],
)
def test_a_bad_image_fails_with_its_fault_and_nothing_else_does(service, image, error):
    bad, good = service.submit("ant", image), service.submit("ant", png())
    with pytest.raises(error) as raised:
        bad.result(60)
    assert len(str(raised.value).splitlines()) == 1
    assert good.result(60).labels


def test_unknown_names_and_versions_are_refused_at_once(service):
    for name in ("owl", "../ant", "ant@", "ant@0123456789ab", "", "ant\0", "a" * 65):
        with pytest.raises(UnknownTask):
            service.submit(name, png())
        with pytest.raises(UnknownTask):
            service.card(name)
    version = service.card("ant").version
    assert service.submit(version, png()).result(60).version == version


def test_too_large_images_are_refused(folder, backbone):
    limits = ServingSettings(max_bytes=10_000, max_pixels=40 * 40)
    with Service(folder=folder, backbone=backbone, device="cpu", settings=limits) as service:
        with pytest.raises(TooLarge):
            service.submit("ant", bytes(10_001))
        with pytest.raises(TooLarge):
            service.submit("ant", png(side=41)).result(60)
        assert service.submit("ant", png(side=40)).result(60)


def test_cards_describe_tasks(service, made):
    cards = {card.name: card for card in service.cards()}
    assert sorted(cards) == list(TASKS)
    card = service.card("cat")
    assert card == cards["cat"]
    assert card.classes == made["cat"].class_names
    assert card.state == "resident"
    assert card.bytes > 0
    assert card.metadata["temperature"] == 0.07


def test_an_unloaded_task_takes_no_requests_until_it_is_loaded(service):
    service.unload("ant")
    card = service.card("ant")
    assert (card.state, card.bytes) == ("registered", 0)
    assert "unloaded" in card.reason
    with pytest.raises(TaskUnavailable, match="load it first"):
        service.submit("ant", png()).result(60)
    service.load("ant")
    assert service.submit("ant", png()).result(60)
    for call in (service.load, service.unload):
        with pytest.raises(UnknownTask):
            call("owl")


def test_a_pinned_version_answers_after_it_was_replaced(service, folder, backbone):
    with service.pin("ant") as lease:
        old = lease.version.name
        save(task_of(backbone, 77), folder / "ant.safetensors")
        assert service.index(60)
        assert service.submit(old, png()).result(60).version == old
        assert service.submit("ant", png()).result(60).version != old
    with pytest.raises(UnknownTask):
        service.submit(old, png())


def test_what_was_accepted_is_answered_after_its_task_is_unloaded_or_removed(folder, backbone):
    limits = ServingSettings(max_wait_ms=300, max_batch=64)
    with Service(folder=folder, backbone=backbone, device="cpu", settings=limits) as service:
        assert service.index(60)
        futures = [service.submit(name, png()) for name in ("ant", "bee") for _ in range(5)]
        (folder / "bee.safetensors").unlink()
        assert service.index(60)
        service.unload("ant")
        assert [f.result(60).task for f in futures] == ["ant"] * 5 + ["bee"] * 5
        with pytest.raises(UnknownTask):
            service.submit("bee", png())
        assert [card.name for card in service.cards()] == ["ant", "cat"]


@pytest.fixture
def go(monkeypatch) -> threading.Event:
    """Batches do not start until this is set; those of probe images, which are alone, do."""
    go, run = threading.Event(), Engine.run

    def wait(self, queries):
        if threading.current_thread().name == "lpt-batcher":
            go.wait(60)
        return run(self, queries)

    monkeypatch.setattr(Engine, "run", wait)
    return go


def test_a_deadline_is_kept_and_cancelled_requests_never_run(folder, backbone, go):
    limits = ServingSettings(max_batch=1)
    with Service(folder=folder, backbone=backbone, device="cpu", settings=limits) as service:
        assert service.index(60)
        first = service.submit("ant", png())
        while not first.running():
            time.sleep(0.01)
        late = service.submit("bee", png(), deadline_s=0.2)
        dropped = service.submit("cat", png())
        assert dropped.cancel()
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            late.result(60)
        assert time.monotonic() - began < 5
        assert not first.cancel()
        go.set()
        assert first.result(60)
        with pytest.raises(CancelledError):
            dropped.result(60)


def test_the_queue_is_bounded_and_no_task_fills_it_alone(folder, backbone, go):
    limits = ServingSettings(max_batch=1, max_queue=20)
    with Service(folder=folder, backbone=backbone, device="cpu", settings=limits) as service:
        assert service.index(60)
        futures, image = [service.submit("ant", png())], png()
        while not futures[0].running():
            time.sleep(0.01)
        futures += [service.submit("ant", image) for _ in range(16)]
        with pytest.raises(QueueFull) as full:
            service.submit("ant", image)
        assert full.value.retry_after > 0
        futures += [service.submit("bee", image) for _ in range(3)]
        go.set()
        assert len({f.result(60).version for f in futures}) == 2
        assert service.submit("ant", image).result(60)


def test_draining_answers_what_was_accepted_and_takes_no_more(folder, backbone):
    with Service(folder=folder, backbone=backbone, device="cpu") as service:
        assert service.index(60)
        assert service.ready()
        futures = [service.submit("ant", png(seed)) for seed in range(20)]
        assert service.drain(60)
        assert not service.ready()
        assert all(f.done() and f.result() for f in futures)
        with pytest.raises(Draining):
            service.submit("ant", png())


def test_what_is_unfinished_after_the_grace_period_fails_and_no_thread_is_left(
    folder, backbone, go
):
    before = set(threading.enumerate())
    service = Service(folder=folder, backbone=backbone, device="cpu")
    assert service.index(60)
    futures = [service.submit("ant", png(seed)) for seed in range(3)]
    assert not service.drain(0.05)
    go.set()
    for future in futures:
        with pytest.raises(Draining):
            future.result(60)
    service.close()
    service.close()
    assert set(threading.enumerate()) == before


def test_a_fault_in_one_image_of_a_batch_fails_that_image_alone(service):
    engine = service._batcher._engine
    run = engine.run

    def fragile(queries):
        if any(q.image.abs().max() > 50 for q in queries):
            raise RuntimeError("no memory left")
        return run(queries)

    engine.run = fragile
    quiet, loud = np.zeros((3, 16, 16), np.float32), np.full((3, 16, 16), 99, np.float32)
    futures = [service.submit("ant", loud if i == 4 else quiet) for i in range(9)]
    failed = [i for i, f in enumerate(futures) if f.exception(60)]
    assert failed == [4]


def test_a_service_needs_tasks_that_it_can_serve(tmp_path, folder, backbone):
    with pytest.raises(ConfigError, match="no task"):
        Service(folder=tmp_path, device="cpu")
    with pytest.raises(TaskFileError, match="no such file"):
        Service([tmp_path / "nothing"], backbone=backbone, device="cpu")
    with pytest.raises(ConfigError, match="taken"):
        Service([folder / "ant.safetensors"] * 2, backbone=backbone, device="cpu")
    other = backbone_of(write_lively(tmp_path / "other.safetensors", depth=3))
    with pytest.raises(TaskFileError, match="one backbone"):
        Service([folder / "ant.safetensors"], backbone=other, device="cpu")
