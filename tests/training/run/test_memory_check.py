"""Settings that cannot fit are refused before anything is allocated; those that fit never are."""

from pathlib import Path

import pytest

from lpt.config import load_config
from lpt.errors import ConfigError
from lpt.progress import SilentReporter
from lpt.training.run import memory_check
from lpt.training.run.memory_check import (
    check_run_memory,
    check_step_memory,
    prompt_bytes,
    step_bytes,
)
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.training_context import TrainingContext
from lpt.training.trainer import Trainer

from ...tiny import config


def context(photos: Path, backbone, **settings) -> TrainingContext:
    own = config(photos, data__workers=0, **settings)
    return TrainingContext(own, SilentReporter(), device="cpu", backbone=backbone)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"prompts__pool_size": 10_000, "prompts__length": 10_000}, "prompts.length=10000"),
        ({"adapters__width": 8192, "prompts__length": 3000}, "adapters.width=8192 with 4 classes"),
        ({"phase1__batch_size": 16_384}, "phase1.batch_size=16384"),
        ({"phase2__batch_size": 16_384}, "phase2.batch_size=16384"),
    ],
)
def test_what_cannot_fit_is_named_with_need_and_remedy(
    settings, named, photos, backbone, monkeypatch, tmp_path
):
    monkeypatch.setattr(memory_check, "free_memory", lambda _: 20_000_000)
    with pytest.raises(ConfigError, match=rf"{named}.*at least .*B of memory, and 20 MB are free"):
        Trainer(context(photos, backbone, **settings), RunFolder(tmp_path / "run"))


def test_the_largest_prompts_are_refused_on_any_machine_before_they_are_made(photos, backbone):
    size = {"prompts__pool_size": 10_000, "prompts__length": 10_000}
    huge = context(photos, backbone, **size)
    assert prompt_bytes(huge.config, backbone, 4) > 10**10


def test_a_step_that_adapts_to_the_memory_needs_one_image_at_once(photos, backbone, monkeypatch):
    many = {"batch": 16_384, "branches": 1, "prompts": 10, "setting": "batch_size"}
    monkeypatch.setattr(memory_check, "free_memory", lambda _: 60_000_000)
    check_step_memory(context(photos, backbone, micro_batch=8), **many)
    with pytest.raises(ConfigError, match=r"batch_size=16384: .* Lower it, set micro_batch or"):
        check_step_memory(context(photos, backbone), **many)


def test_the_default_recipe_fits_where_memory_is_unknown_or_usual(photos, backbone, monkeypatch):
    own = load_config().changed({"data.source": str(photos)})
    usual = TrainingContext(own, SilentReporter(), device="cpu", backbone=backbone)
    for free in (None, 2 * 10**8):
        monkeypatch.setattr(memory_check, "free_memory", lambda _, free=free: free)
        check_run_memory(usual)


def test_cached_views_are_counted_as_the_tokens_that_a_step_loads(photos, backbone, monkeypatch):
    step = {"images": 1000, "at_once": 1, "prompts": 2, "classes": 4}
    more = step_bytes(backbone, **step, cached=True) - step_bytes(backbone, **step)
    spec = backbone.spec
    tokens = (1 + spec.num_patches) * backbone.width
    assert more == 1000 * 4 * (tokens - 3 * spec.image_size**2)
    seen = {}

    def note(context, **facts):
        seen[facts["setting"]] = facts["cached"]

    monkeypatch.setattr(memory_check, "check_step_memory", note)
    for views in (0, 8):
        check_run_memory(context(photos, backbone, phase2__cached_views=views, augment__mixup=0))
        assert seen == {"phase1.batch_size": False, "phase2.batch_size": views > 0}


def test_blocks_that_keep_only_their_input_need_less(backbone):
    step = {"images": 64, "at_once": 64, "prompts": 0, "classes": 4}
    usual, again = step_bytes(backbone, **step), step_bytes(backbone, **step, recompute=True)
    inputs = 64 * (1 + 4) * 16 * 4  # of one block, of the tiny ViT
    assert usual - again == (backbone.depth - 2) * 5 * inputs
