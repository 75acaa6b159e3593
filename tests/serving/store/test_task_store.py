"""Tasks are read once, checked before they are seen, replaced in use, evicted within budgets."""

import threading
from pathlib import Path

import pytest
import torch

from lpt.backbones import FrozenViT
from lpt.evaluation.thresholds import Threshold, ThresholdTable, write_thresholds
from lpt.serving.backbone_views import BackboneViews
from lpt.serving.engine import Engine, Query
from lpt.serving.serving_records import TaskUnavailable, UnknownTask
from lpt.serving.serving_settings import NullObserver, ServingSettings
from lpt.serving.store.task_files import TaskFiles
from lpt.serving.store.task_reader import TaskReader
from lpt.serving.store.task_store import TaskStore
from lpt.serving.task_tables import table_bytes
from lpt.task.task_digest import task_digest

from ...tiny import backbone_of
from ..many_tasks import classes, save, task_of, write_lively


class Watch(NullObserver):
    def __init__(self):
        self.resident, self.most, self.evictions = 0, 0, []

    def tasks(self, resident, bytes):
        self.resident, self.most = resident, max(self.most, bytes)

    def evicted(self, task):
        self.evictions.append(task)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory) -> FrozenViT:
    return backbone_of(write_lively(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


@pytest.fixture
def folder(backbone, tmp_path) -> Path:
    for seed, name in enumerate(("ant", "bee", "cat", "dog")):
        save(task_of(backbone, seed), tmp_path / f"{name}.safetensors")
    return tmp_path


def opened(folder: Path, backbone: FrozenViT, fits: float = 100, watch: Watch | None = None):
    size = table_bytes(backbone.depth, backbone.width, task_of(backbone).spec)
    settings = ServingSettings(memory_bytes=int(fits * size))
    engine = Engine(BackboneViews(backbone))
    return TaskStore(TaskFiles(folder=folder), engine, settings, watch or NullObserver())


def checked(store: TaskStore) -> TaskStore:
    for name in store.scan():
        store.check(name)
    return store


def held(store: TaskStore, task: str):
    ticket = store.accept(task)
    try:
        return store.hold(ticket)
    finally:
        store.ended(ticket)


def states(store: TaskStore) -> dict[str, str]:
    return {card.name: card.state for card in store.cards()}


def test_the_least_recently_used_task_is_evicted_and_read_again(folder, backbone):
    watch = Watch()
    store = checked(opened(folder, backbone, fits=2.5, watch=watch))
    for name in ("ant", "bee", "ant", "cat"):
        held(store, name).release()
    assert states(store) == {
        "ant": "resident",
        "bee": "registered",
        "cat": "resident",
        "dog": "registered",
    }
    versions = {card.name: card.version for card in store.cards()}
    assert held(store, "bee").version.name == versions["bee"]
    assert watch.most == 2 * store.card("bee").bytes
    assert watch.evictions


def test_a_task_in_use_is_not_evicted_and_others_wait_for_its_place(folder, backbone):
    store = checked(opened(folder, backbone, fits=1.5))
    lease, found = held(store, "ant"), []
    waiting = threading.Thread(target=lambda: found.append(held(store, "bee")))
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    assert lease.version.placed is lease.tables
    lease.release()
    waiting.join(60)
    assert states(store)["ant"] == "registered"
    assert found[0].version.entry.name == "bee"


def test_a_replaced_version_answers_those_that_use_it_and_is_then_forgotten(folder, backbone):
    store = checked(opened(folder, backbone))
    old = held(store, "ant")
    save(task_of(backbone, 99, **classes(5)), folder / "ant.safetensors")
    checked(store)
    new = held(store, "ant")
    assert new.version.name != old.version.name
    assert len(new.version.spec.class_names) == 5
    again = held(store, old.version.name)
    assert again.version is old.version
    old.release()
    old.release()  # counts once
    held(store, old.version.name).release()
    again.release()
    with pytest.raises(UnknownTask, match="no such version"):
        store.accept(old.version.name)
    assert old.version.tables is None


def test_a_file_that_is_written_bit_by_bit_stays_invisible_until_it_is_whole(folder, backbone):
    whole = (folder / "ant.safetensors").read_bytes()
    store = checked(opened(folder, backbone))
    for size in (0, 5, 200, len(whole) // 2, len(whole) - 1):
        (folder / "new.safetensors").write_bytes(whole[:size])
        checked(store)
        card = store.card("new")
        assert card.state == "failed"
        assert card.reason.startswith("new: ")
        assert str(folder) not in card.reason
        with pytest.raises(TaskUnavailable, match="new: "):
            held(store, "new")
    (folder / "new.safetensors").write_bytes(whole)
    checked(store)
    assert store.card("new").state == "resident"


def test_a_bad_file_does_not_take_the_place_of_the_version_before_it(folder, backbone):
    store = checked(opened(folder, backbone))
    before = store.card("ant").version
    (folder / "ant.safetensors").write_bytes(b"half a fi")
    checked(store)
    card = store.card("ant")
    assert (card.version, card.state) == (before, "resident")
    assert "ant" in card.reason
    assert held(store, "ant").version.name == before


def test_a_task_whose_answers_are_not_finite_fails_its_check(folder, backbone):
    store = opened(folder, backbone)
    run = Engine.run

    def nan(self, queries):
        return [
            type(r)(r.probabilities * float("nan"), r.matched, r.feature)
            for r in run(self, queries)
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "run", nan)
        checked(store)
    assert set(states(store).values()) == {"failed"}


def test_a_task_of_another_backbone_or_too_large_a_one_is_refused(folder, backbone, tmp_path):
    other = backbone_of(write_lively(tmp_path / "vit" / "other.safetensors", depth=3))
    save(task_of(other), folder / "other.safetensors")
    save(task_of(backbone, **classes(400)), folder / "wide.safetensors")
    store = checked(opened(folder, backbone, fits=1.5))
    assert "made for backbone" in store.card("other").reason
    assert "memory_bytes" in store.card("wide").reason
    assert states(store)["ant"] != "failed"


def test_one_thread_reads_a_file_while_the_others_wait_for_it(folder, backbone, monkeypatch):
    reads, read = [], TaskReader.read

    def counted(self, path, name, passed, *, again=True):
        reads.append(name)
        return read(self, path, name, passed, again=again)

    monkeypatch.setattr(TaskReader, "read", counted)
    store = opened(folder, backbone)
    store.scan()
    threads = [threading.Thread(target=lambda: held(store, "ant").release()) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert reads == ["ant"]


def test_a_file_that_is_gone_is_forgotten_once_its_requests_have_ended(folder, backbone):
    store = checked(opened(folder, backbone))
    ticket = store.accept("ant")
    (folder / "ant.safetensors").unlink()
    checked(store)
    with pytest.raises(UnknownTask):
        store.accept("ant")
    store.hold(ticket).release()  # still in memory for what was accepted
    store.ended(ticket)
    assert "ant" not in states(store)
    save(task_of(backbone, 7), folder / "ant.safetensors")
    checked(store)
    assert states(store)["ant"] == "resident"


def test_a_replaced_version_that_was_asked_for_by_name_is_unavailable(folder, backbone):
    store = checked(opened(folder, backbone))
    ticket = store.accept(store.card("ant").version)
    save(task_of(backbone, 99), folder / "ant.safetensors")
    checked(store)
    with pytest.raises(TaskUnavailable, match="was replaced by"):
        store.hold(ticket)


def test_a_leased_version_computes_what_it_did_before_its_file_was_replaced(folder, backbone):
    store = checked(opened(folder, backbone))
    image = torch.randn(3, 16, 16)
    engine = Engine(BackboneViews(backbone))
    lease = held(store, "ant")
    (before,) = engine.run([Query(lease.tables, image)])
    save(task_of(backbone, 99), folder / "ant.safetensors")
    checked(store)
    (after,) = engine.run([Query(lease.tables, image)])
    assert torch.equal(before.probabilities, after.probabilities)


def test_a_task_states_the_threshold_that_was_measured_with_its_very_file(folder, backbone):
    run = folder / "run"
    save(task_of(backbone), run / "task.safetensors")
    rows = tuple(Threshold(t, 90, 81, 0.9, a) for t, a in ((0.1, 0.5), (0.4, 0.92), (0.8, 1.0)))
    digests = {"run": task_digest(run), "other": "0" * 64}
    found = {}
    for name, digest in digests.items():
        table = ThresholdTable(1, digest, "photos", "test", 100, rows)
        write_thresholds(run / "analysis" / "thresholds.json", table)
        with held(checked(opened(folder, backbone)), "run") as lease:
            found[name] = lease.version.threshold
    assert found == {"run": 0.4, "other": None}
