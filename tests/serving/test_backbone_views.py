"""Views of a backbone equal the backbone loaded at that size, and share its weights."""

import pytest
import torch

from lpt.backbones import load_backbone
from lpt.errors import BackboneError
from lpt.serving.backbone_views import MAX_VIEWS, BackboneViews
from lpt.task_spec import BackboneRecord

from .many_tasks import task_of, write_lively


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> str:
    return str(write_lively(tmp_path_factory.mktemp("vit") / "vit.safetensors"))


def record(backbone, **changes) -> BackboneRecord:
    return task_of(backbone).spec.backbone.model_copy(update=changes)


@pytest.mark.parametrize(
    ("size", "eps", "feature"),
    [
        (16, 1e-6, "own"),
        (32, 1e-6, "own"),
        (16, 1e-3, "own"),
        (24, 1e-4, "own"),
        (24, 1e-6, "class+patches"),
    ],
)
def test_a_view_is_the_backbone_loaded_for_that_task(file, size, eps, feature):
    views = BackboneViews(load_backbone(file))
    loaded = load_backbone(file, image_size=size, layer_norm_eps=eps, feature=feature)
    view = views.of(record(loaded))
    images = torch.randn(2, 3, size, size)
    assert torch.equal(view(images), loaded(images))
    assert view.spec == loaded.spec
    assert views.of(record(loaded)) is view is views[size, eps, feature]


def test_views_of_compact_weights_are_those_of_a_backbone_loaded_with_them(file):
    views = BackboneViews(load_backbone(file), "int8")
    for size in (16, 32):
        loaded = load_backbone(file, image_size=size, weights="int8")
        images = torch.randn(2, 3, size, size)
        assert torch.equal(views.of(record(loaded))(images), loaded(images))
    stored = views.backbone.blocks[0].mlp.fc1.values
    assert views.of(record(loaded)).blocks[0].mlp.fc1.values.data_ptr() == stored.data_ptr()


def test_views_share_their_weights(file):
    backbone = load_backbone(file)
    view = BackboneViews(backbone).of(record(backbone, layer_norm_eps=1e-3))
    pairs = zip(backbone.model.parameters(), view.model.parameters(), strict=True)
    assert all(one.data_ptr() == other.data_ptr() for one, other in pairs)


def test_a_backbone_that_was_resized_serves_no_other_size(file):
    resized = load_backbone(file, image_size=32)
    with pytest.raises(BackboneError, match="loaded at 32"):
        BackboneViews(resized).of(record(resized, image_size=16))


def test_impossible_sizes_and_too_many_views_are_refused(file):
    backbone = load_backbone(file)
    views = BackboneViews(backbone)
    for size in (15, 4096):
        with pytest.raises(BackboneError, match=f"image_size {size}"):
            views.of(record(backbone, image_size=size))
    for i in range(1, MAX_VIEWS):
        views.of(record(backbone, layer_norm_eps=i / 100))
    with pytest.raises(BackboneError, match=str(MAX_VIEWS)):
        views.of(record(backbone, layer_norm_eps=0.5))
