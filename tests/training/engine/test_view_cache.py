"""Cached views: the same numbers in the same order as without a cache, also after interruptions."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from lpt.backbones import FrozenViT
from lpt.data.loading import Draw
from lpt.errors import ConfigError, RunError, TrainingError
from lpt.losses import PHASE2_RELEASED, build_loss, instance_loss
from lpt.model.prompt_shape import PromptShape
from lpt.model.two_pass import LongTailedPromptModel
from lpt.progress import SilentReporter
from lpt.random_streams import random_stream
from lpt.records import Output
from lpt.training.engine import view_cache as cache
from lpt.training.engine.sampling_plan import EpochPlan
from lpt.training.engine.stage import Inputs, Progress, Stage, branches_of
from lpt.training.engine.view_cache import NoRoomError, ViewCache, build_cache
from lpt.training.phases.prompt_stages import GroupStage

LABELS = np.array([0] * 20 + [1] * 12 + [2] * 5)
VIEWS, BATCH = 2, 6


class Reporter(SilentReporter):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


class Images:
    """Images as functions of the keys of their draws, like augmentation."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.drawn: list[Draw] = []
        self.fail_after = fail_after

    def __call__(self, steps: Iterator[list[Draw]]) -> Iterator[tuple[Inputs, Tensor]]:
        for draws in steps:
            if self.fail_after is not None and len(self.drawn) >= self.fail_after:
                raise KeyboardInterrupt
            self.drawn += draws
            noise = [random_stream(*d.key).standard_normal((3, 12, 12)) for d in draws]
            images = torch.tensor(np.stack(noise), dtype=torch.float32)
            yield {"images": images}, torch.from_numpy(LABELS[[d.index for d in draws]])


def stage(mixup: float = 0.0) -> GroupStage:
    vit = VisionTransformer(
        img_size=12, patch_size=4, embed_dim=32, depth=4, num_heads=2, num_classes=0
    )
    generator = torch.Generator().manual_seed(3)
    model = LongTailedPromptModel(FrozenViT(vit), 3, PromptShape(3, None, 6, 2))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = 0.2 if name.startswith("backbone") else 1.0
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    loss = build_loss("agcl", torch.bincount(torch.from_numpy(LABELS)))
    branches = branches_of("dual", loss, instance_loss(loss, PHASE2_RELEASED))
    return GroupStage(model, branches, PHASE2_RELEASED, mixup)


def plan_for(made: Stage, **changes: int) -> EpochPlan:
    settings = {"labels": LABELS, "batch": BATCH, "epochs": 2, "seed": 5, "stage": 1}
    return EpochPlan.of(made.branches, **{**settings, "views": VIEWS, **changes})


def build(
    folder: Path,
    made: Stage,
    images: Images | None = None,
    reporter: Reporter | None = None,
    plan: EpochPlan | None = None,
    upstream: str = "same",
    dtype: str = "float16",
    limit_gb: float = 8.0,
) -> ViewCache:
    return build_cache(
        folder,
        made,
        plan or plan_for(made),
        images or Images(),
        {"upstream": upstream},
        reporter or Reporter(),
        dtype=dtype,
        limit_gb=limit_gb,
    )


def step(made: GroupStage, inputs: Inputs, labels: Tensor) -> dict[str, Tensor]:
    torch.manual_seed(0)
    terms = made(made.draw(inputs, labels), Progress(0, 2))
    made.zero_grad()
    torch.autograd.backward(terms.total)
    gradients = {
        name: parameter.grad
        for name, parameter in made.named_parameters()
        if parameter.grad is not None
    }
    return {"loss": terms.total.detach(), **gradients}


def test_float32_gives_the_steps_that_fresh_computation_of_the_same_views_gives(tmp_path):
    made = stage().train()
    cached_views = build(tmp_path, made, dtype="float32")
    steps = plan_for(made).draws(0)
    for (cached, labels), (fresh, again) in zip(
        cached_views(iter(steps)), Images()(iter(steps)), strict=True
    ):
        assert torch.equal(labels, again)
        found, wanted = step(made, cached, labels), step(made, fresh, labels)
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert torch.equal(found[name], value), name


def test_float16_changes_logits_by_at_most_two_thousandths(tmp_path):
    made = stage().eval()
    cached_views = build(tmp_path, made, dtype="float16")
    assert {name: t.layout.dtype for name, t in cached_views.tensors.items()} == {
        "tokens": "float16",
        "query": "float32",
    }
    steps = plan_for(made).draws(0)
    pairs = zip(cached_views(iter(steps)), Images()(iter(steps)), strict=True)
    for (cached, _), (fresh, _) in pairs:
        found, wanted = made.output(cached), made.predict(fresh["images"])
        assert torch.equal(found.match.ids, wanted.match.ids)
        assert torch.equal(found.match.similarity, wanted.match.similarity)
        assert (found.logits - wanted.logits).abs().max() < 2e-3


def test_an_interrupted_computation_resumes_and_ends_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "FILL_BATCH", 5)
    monkeypatch.setattr(cache, "SAVE_EVERY", 2)
    made = stage()
    whole = build(tmp_path / "whole", made)
    for stop in (12, 33):
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path / "killed", made, Images(fail_after=stop))
    last = Images()
    resumed = build(tmp_path / "killed", made, last)
    assert len(last.drawn) < 1 + VIEWS * len(LABELS) - 10
    for name in whole.tensors:
        assert (
            whole.folder.joinpath(f"{name}.bin").read_bytes()
            == resumed.folder.joinpath(f"{name}.bin").read_bytes()
        )


def test_a_complete_cache_is_only_read(tmp_path):
    made = stage()
    build(tmp_path, made)
    again = Images()
    assert build(tmp_path, made, again) is not None
    assert len(again.drawn) == 1  # for the shapes


@pytest.mark.parametrize("change", ["upstream", "seed", "views", "dtype"])
def test_any_upstream_change_computes_the_cache_again(tmp_path, change):
    made, images, reporter = stage(), Images(), Reporter()
    build(tmp_path, made)
    plan = plan_for(made, **({change: 3} if change in ("seed", "views") else {}))
    settings: dict[str, str] = {}
    if change == "dtype":
        settings["dtype"] = "float32"
    if change == "upstream":
        settings["upstream"] = "another backbone"
    cached_views = build(tmp_path, made, images, reporter, plan, **settings)
    assert len(images.drawn) == 1 + plan.views * len(LABELS)
    assert any("computed again" in message for message in reporter.messages)
    steps = plan.draws(0)
    cached, _ = next(cached_views(iter(steps)))
    fresh, _ = next(Images()(iter(steps)))
    torch.testing.assert_close(cached["query"], made.frozen(fresh["images"])["query"])


def test_a_damaged_file_is_noticed(tmp_path):
    made, images = stage(), Images()
    cached_views = build(tmp_path, made)
    with (cached_views.folder / "tokens.bin").open("r+b") as file:
        file.truncate(100)
    build(tmp_path, made, images)
    assert len(images.drawn) == 1 + VIEWS * len(LABELS)


def test_a_cache_beyond_the_limit_is_refused_and_not_written(tmp_path):
    images = Images()
    with pytest.raises(NoRoomError, match=r"more than the limit of") as full:
        build(tmp_path, stage(), images, limit_gb=1e-6)
    assert full.value.views == 0
    assert len(images.drawn) == 1
    assert not list(tmp_path.glob("*.bin"))


@pytest.mark.parametrize(("room", "views"), [(1.0, 0), (1.9, 0), (2.1, 2), (3.5, 3)])
def test_the_error_gives_the_number_of_views_that_fit(tmp_path, room, views):
    made = stage()
    one_view = build(tmp_path / "all", made).bytes / VIEWS
    limit = room * one_view / 1e9
    with pytest.raises(NoRoomError, match="5 views of") as full:
        build(tmp_path, made, plan=plan_for(made, views=5), limit_gb=limit)
    assert full.value.views == views


def test_a_complete_cache_needs_no_room(tmp_path, monkeypatch):
    cached_views = build(tmp_path, stage())
    usage = cache.shutil.disk_usage
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: usage(path)._replace(free=0))
    again = build(tmp_path, stage())
    rows = np.arange(VIEWS * len(LABELS))
    for name, tensor in again.tensors.items():
        assert (tensor.read(rows) == cached_views.tensors[name].read(rows)).all()


def test_the_size_is_reported_before_writing(tmp_path):
    reporter = Reporter()
    cached_views = build(tmp_path, stage(), reporter=reporter)
    tokens, width = 10, 32
    assert cached_views.bytes == VIEWS * len(LABELS) * (2 * tokens * width + 4 * width)
    assert f"{cached_views.bytes / 1e9:.2f} GB" in reporter.messages[-1]


def test_cached_views_refuse_mixup(tmp_path):
    with pytest.raises(ConfigError, match=r"augment\.mixup=0\.2"):
        build(tmp_path, stage(mixup=0.2))


def test_a_full_disk_is_reported_with_the_remedy(tmp_path, monkeypatch):
    made, sync = stage(), os.fsync

    def full(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").readlink().suffix == ".bin":
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(RunError, match=r"No space left.*phase2\.cached_views=0"):
        build(tmp_path, made)


class Probe(GroupStage):
    """A stage on frozen features, like a baseline."""

    name = "probe"

    def frozen(self, images: Tensor) -> Inputs:
        return {"feature": 1e5 * self.model.backbone(images)}

    def output(self, inputs: Inputs) -> Output:
        feature = inputs["feature"]
        return Output(self.model.classifier(feature), feature, feature)


def test_any_stage_can_be_cached_and_vectors_stay_float32(tmp_path):
    made = stage()
    probe = Probe(made.model, made.branches, PHASE2_RELEASED)
    cached_views = build(tmp_path, probe, dtype="float16")
    assert cached_views.tensors["feature"].layout.dtype == "float32"
    steps = plan_for(made).draws(1)
    cached, labels = next(cached_views(iter(steps)))
    fresh, again = next(Images()(iter(steps)))
    assert torch.equal(cached["feature"], probe.frozen(fresh["images"])["feature"])
    assert torch.equal(labels, again)


def test_tokens_beyond_float16_are_refused_with_the_remedy(tmp_path):
    made = stage()
    frozen = made.frozen
    made.frozen = lambda images: {k: 1e6 * v for k, v in frozen(images).items()}
    with pytest.raises(TrainingError, match=r"phase2\.cache_dtype=float32"):
        build(tmp_path, made)


def test_removing_it_leaves_nothing(tmp_path):
    cached_views = build(tmp_path / "cache", stage())
    cached_views.remove()
    assert not (tmp_path / "cache").exists()
