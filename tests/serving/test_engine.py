"""A batch gives each image what its own task gives it alone, whatever else the batch holds."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lpt.backbones import FrozenViT, load_backbone
from lpt.model.early_match import choose_nearest
from lpt.serving.backbone_views import BackboneViews
from lpt.serving.engine import Engine, Query, Result
from lpt.serving.task_tables import TaskTables, build_tables
from lpt.task import Task
from lpt.task_spec import PARAMETERS

from .many_tasks import classes, early, task_of, write_lively

KINDS: list[dict[str, Any]] = [
    {},
    {"shared_blocks": 2, "pool_size": 3, "top_k": 1},
    {"shared_blocks": 3, "pool_size": 5, "top_k": 3, "temperature": 0.01},
    {"prompt_length": 4, "top_k": 4, **classes(7)},
    {"prompt_length": 4, "shared_blocks": 3, **classes(1)},
    {"phases": 1, **classes(2)},
    {"phases": 1, "prompt_length": 1},
    {"pool_size": 1, "top_k": 1, **classes(11)},
    {"adapter_width": 2},
    {"adapter_width": 5, "shared_blocks": 2},
    {"adapter_width": 1, "phases": 1},
    {"classifier_passes": "both"},
    {"shared_blocks": 2, "adapter_width": 2, "classifier_passes": "both"},
    early("early"),
    {"shared_blocks": 2, "pool_size": 6, **early("auto", 2.0)},
    {"prompt_length": 4, "adapter_width": 3, **early("early")},
    {"shared_blocks": 3, "pool_size": 5, **early("exact")},
]
SIZES = (16, 32)


@pytest.fixture(scope="module")
def backbones(tmp_path_factory) -> dict[int, FrozenViT]:
    """One backbone loaded at each size of its input, as a task of that size alone would."""
    file = str(write_lively(tmp_path_factory.mktemp("vit") / "vit.safetensors"))
    return {size: load_backbone(file, image_size=size) for size in SIZES}


@pytest.fixture(scope="module")
def tasks(backbones) -> list[Task]:
    return [
        task_of(backbones[size], seed, **kind) for seed, kind in enumerate(KINDS) for size in SIZES
    ]


@pytest.fixture(scope="module")
def engine(backbones) -> Engine:
    return Engine(BackboneViews(backbones[16]))


@pytest.fixture(scope="module")
def tables(engine, tasks):
    return [tables_of(engine, task) for task in tasks]


def tables_of(engine: Engine, task: Task) -> TaskTables:
    model = task.model
    names = task.spec.tensor_sizes(model.backbone.depth, model.backbone.width)
    tensors = {name: model.get_parameter(PARAMETERS[name]).detach() for name in names}
    return build_tables(engine.views.of(task.spec.backbone), task.spec, tensors)


def alone(task: Task, image: torch.Tensor) -> Result:
    output = task.forward(image[None])
    probabilities = (output.logits / task.spec.temperature).softmax(1)[0]
    matched = () if output.match is None else tuple(output.match.ids[0].tolist())
    return Result(probabilities, matched, output.feature[0])


def images_for(task: Task, seed: int) -> torch.Tensor:
    size = task.spec.backbone.image_size
    return torch.randn(3, size, size, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.integers(0, 2 * len(KINDS) - 1), st.integers(0, 3)), min_size=1, max_size=12
    )
)
def test_a_mixed_batch_gives_each_image_what_its_task_gives(engine, tasks, tables, batch):
    images = [images_for(tasks[t], seed) for t, seed in batch]
    found = engine.run([Query(tables[t], i) for (t, _), i in zip(batch, images, strict=True)])
    for (t, _), image, result in zip(batch, images, found, strict=True):
        wanted = alone(tasks[t], image)
        torch.testing.assert_close(result.probabilities, wanted.probabilities, atol=1e-5, rtol=0)
        torch.testing.assert_close(result.feature, wanted.feature, atol=1e-5, rtol=0)
        assert result.matched == wanted.matched


def test_adapters_of_every_width_share_a_batch_with_tasks_that_have_none(
    engine, tasks, tables, monkeypatch
):
    """Tasks of one P: one part, hence one pass over the backbone, and the results of each alone."""
    mixed = [i for i, task in enumerate(tasks) if tables[i].view[0] == 16 and tables[i].length == 2]
    assert {tasks[i].spec.adapter_width for i in mixed} == {0, 1, 2, 5}
    assert {tasks[i].match for i in mixed} == {"exact", "early", "auto"}
    passes, embed = [], FrozenViT.embed
    monkeypatch.setattr(FrozenViT, "embed", lambda *given: passes.append(1) or embed(*given))
    found = engine.run([Query(tables[i], images_for(tasks[i], i)) for i in mixed])
    assert len(passes) == 1
    for i, result in zip(mixed, found, strict=True):
        wanted = alone(tasks[i], images_for(tasks[i], i))
        torch.testing.assert_close(result.probabilities, wanted.probabilities, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "kind", [{}, {"phases": 1, "adapter_width": 2}, early("auto"), {"classifier_passes": "both"}]
)
def test_tasks_that_read_the_patches_too_share_a_batch_with_others(engine, tasks, tables, kind):
    views = engine.views
    record = tasks[0].spec.backbone.model_copy(update={"feature": "class+patches"})
    task = task_of(views.of(record), 5, **kind)
    images = [images_for(task, seed) for seed in range(4)]
    own, other = tables_of(engine, task), tables[0]
    assert own.view != other.view
    found = engine.run([Query(t, i) for t, i in zip((own, other) * 2, images, strict=True)])
    for asked, image, result in zip((task, tasks[0]) * 2, images, found, strict=True):
        wanted = alone(asked, image)
        torch.testing.assert_close(result.probabilities, wanted.probabilities, atol=1e-5, rtol=0)
        torch.testing.assert_close(result.feature, wanted.feature, atol=1e-5, rtol=0)


def test_prompts_and_their_matching_matter_in_these_tasks(engine, tasks, tables):
    image = images_for(tasks[0], 0)
    results = engine.run([Query(table, image) for table in tables[::2]])
    features = torch.stack([result.feature for result in results])
    assert torch.pdist(features).min() > 0.01
    chosen = {engine.run([Query(tables[0], images_for(tasks[0], s))])[0].matched for s in range(20)}
    assert len(chosen) > 1


def test_images_leave_the_first_pass_where_their_prompts_are_chosen(
    engine, tasks, tables, monkeypatch
):
    """Of a mixed batch, the blocks behind K see those images only whose query is needed."""
    own = {name: 2 * KINDS.index(kind) for name, kind in (("exact", {}), ("early", early("early")))}
    rows, finish = [], FrozenViT.finish
    monkeypatch.setattr(
        FrozenViT, "finish", lambda v, t, *more: rows.append(len(t)) or finish(v, t, *more)
    )
    batch = [own["exact"], own["early"], own["early"]]
    engine.run([Query(tables[i], images_for(tasks[i], s)) for s, i in enumerate(batch)])
    engine.run([Query(tables[own["early"]], images_for(tasks[0], 0))])
    assert rows == [1, 3, 1]  # the query of one image and the second pass of all; no query at all


def test_auto_computes_the_query_of_some_images(engine, tasks, tables):
    number = 2 * next(i for i, kind in enumerate(KINDS) if kind.get("match") == "auto")
    task, images = tasks[number], [images_for(tasks[number], seed) for seed in range(12)]
    shared = task.model.shared_parts()
    features = task.model.early_features(task.model.tokens(torch.stack(images), shared), shared)
    estimate = task.model.early(features)
    unclear = choose_nearest(estimate, task.spec.top_k, task.spec.early.margin).unclear
    assert 0 < unclear.sum() < len(images)
    found = engine.run([Query(tables[number], image) for image in images])
    for image, result in zip(images, found, strict=True):
        assert result.matched == alone(task, image).matched


def test_an_empty_batch_gives_nothing(engine):
    assert engine.run([]) == []


def test_the_engine_holds_no_second_copy_of_the_weights(engine, backbones):
    large = engine.views.of(task_of(backbones[32]).spec.backbone)
    own = {id(p) for p in backbones[16].model.parameters()}
    others = [n for n, p in large.model.named_parameters() if id(p) not in own]
    assert others == ["pos_embed"]
