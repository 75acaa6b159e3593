"""A step in several processes is the step of one, whatever their number."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lpt.data.loading import Draw
from lpt.errors import LptError, TrainingError
from lpt.machine.group.process_group import ProcessGroup
from lpt.training.engine.shared_step import SharedStep, digest
from lpt.training.engine.stage import Progress, Stage
from lpt.training.engine.step import MicroBatch, train_step
from lpt.training.run.device_setup import make_accelerator

from ...contracts.test_stages import STAGES
from ...thread_group import in_threads

IMAGES = torch.randn(12, 3, 16, 16, generator=torch.Generator().manual_seed(8))
LABELS = torch.tensor([0, 1, 2, 0, 1, 0] * 2)
DRAWS = [Draw(i) for i in range(12)]
MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
Made = tuple[dict[str, float], list[Tensor]]


def built(kind: str, sampler: str, mixup: float) -> Stage:
    torch.manual_seed(1)
    stage = STAGES[kind](sampler, mixup)
    if hasattr(stage, "model"):
        stage.model.classifier.dropout = 0.3
    return stage.train()


def stages(size: int, kind: str, sampler: str, mixup: float) -> list[Stage]:
    """Equal stages for the processes, made one after another: all draw from one generator."""
    return [built(kind, sampler, mixup) for _ in range(size)]


def step_of(
    stage: Stage,
    group: ProcessGroup,
    micro: int | None = None,
    spoil: Callable[[Stage, int], None] = lambda *_: None,
) -> Made:
    """Return the terms and weight changes of a step, of which this process loads its share."""
    trainable = [p for some in stage.param_groups().values() for p in some]
    start = [p.detach().clone() for p in trainable]
    shared, images = None, IMAGES
    spoil(stage, group.rank)
    if group.size > 1:
        shared = SharedStep(group, stage)
        loaded = [draw.index for draw in shared.draws(DRAWS, 7)]
        images = IMAGES[loaded]
    values = train_step(
        make_accelerator("auto", "cpu"),
        stage,
        torch.optim.SGD([{"params": trainable, "peak": 1.0}], lr=1.0),
        {"images": images} if len(images) else {},
        LABELS,
        Progress(1, 4),
        seed=7,
        clip_norm=1e3,
        micro=MicroBatch(micro),
        shared=shared,
    )
    return values, [p.detach() - s for p, s in zip(trainable, start, strict=True)]


def assert_same(found: Made, wanted: Made) -> None:
    assert found[0].keys() == wanted[0].keys()
    for name, value in wanted[0].items():
        assert found[0][name] == pytest.approx(value, rel=1e-5)
    for one, other in zip(found[1], wanted[1], strict=True):
        assert (one - other).abs().max() <= 2e-6 * other.abs().max()


@pytest.mark.parametrize("size", [2, 3, 5, 16])
@pytest.mark.parametrize(("sampler", "mixup"), [("balanced", 0.0), ("dual", 0.0), ("dual", 0.4)])
@pytest.mark.parametrize("kind", ["phase 1", "phase 2"])
def test_any_number_of_processes_takes_the_step_of_one(kind, sampler, mixup, size):
    """With noise, dropout and Mixup; more processes than images, shares of one branch only."""
    wanted = step_of(built(kind, sampler, mixup), ProcessGroup())
    made = stages(size, kind, sampler, mixup)
    results = in_threads(size, lambda group: step_of(made[group.rank], group))
    for found in results:
        assert_same(found, wanted)
        assert all(torch.equal(a, b) for a, b in zip(found[1], results[0][1], strict=True))


def test_micro_batches_are_those_of_a_process():
    wanted = step_of(built("phase 2", "dual", 0.4), ProcessGroup())
    made = stages(2, "phase 2", "dual", 0.4)
    for found in in_threads(2, lambda group: step_of(made[group.rank], group, 4)):
        assert_same(found, wanted)


def test_a_process_loads_its_images_and_the_partners_of_other_processes_once():
    made = stages(3, "phase 1", "dual", 0.4)

    def loaded(group):
        return SharedStep(group, made[group.rank]).draws(DRAWS, 7)

    for rank, own in enumerate(in_threads(3, loaded)):
        indices = [draw.index for draw in own]
        assert indices[:4] == list(range(4 * rank, 4 * rank + 4))
        assert len(set(indices)) == len(indices) <= 8


def test_without_mixup_a_process_loads_its_images_only():
    made = stages(5, "phase 1", "dual", 0.0)
    parts = in_threads(5, lambda group: SharedStep(group, made[group.rank]).draws(DRAWS, 7))
    assert [draw for part in parts for draw in part] == DRAWS


def test_memory_that_runs_out_in_one_process_makes_all_repeat_the_step():
    sizes: list[list[int]] = [[], []]

    def spoil(stage: Stage, rank: int) -> None:
        output = stage.output

        def counted(inputs):
            sizes[rank].append(len(next(iter(inputs.values()))))
            if rank == 1 and sizes[1][-1] > 3:
                raise MEMORY
            return output(inputs)

        stage.output = counted  # type: ignore[method-assign]

    wanted = step_of(built("phase 1", "dual", 0.4), ProcessGroup())
    made = stages(2, "phase 1", "dual", 0.4)
    results = in_threads(2, lambda group: step_of(made[group.rank], group, spoil=spoil))
    for found in results:
        assert_same(found, wanted)
    assert sizes == [[6, 3, 3], [6, 3, 3]]


def test_memory_that_one_image_exceeds_ends_all_processes():
    def spoil(stage: Stage, rank: int) -> None:
        def fail(_):
            raise MEMORY

        if rank == 1:
            stage.output = fail  # type: ignore[method-assign]

    made = stages(2, "phase 1", "dual", 0.4)

    def errors(group):
        with pytest.raises(TrainingError, match="out of memory with 12 images per step"):
            step_of(made[group.rank], group, spoil=spoil)

    in_threads(2, errors)


def test_a_loss_that_is_not_finite_in_one_process_ends_all_before_a_weight_changes():
    def spoil(stage: Stage, rank: int) -> None:
        frozen = stage.frozen
        if rank == 1:
            stage.frozen = lambda images: frozen(images * torch.nan)  # type: ignore[method-assign]

    made = stages(3, "phase 1", "dual", 0.0)

    def errors(group):
        stage = made[group.rank]
        before = [p.detach().clone() for p in stage.parameters()]
        with pytest.raises(LptError, match=r"loss is not finite .* in epoch 2"):
            step_of(stage, group, spoil=spoil)
        return all(map(torch.equal, before, stage.parameters()))

    assert in_threads(3, errors) == [True] * 3


def test_weights_that_differ_between_processes_are_noticed():
    made = stages(2, "phase 1", "dual", 0.0)

    def compare(group):
        with pytest.raises(LptError, match="phase1: weights: process 1 has others"):
            SharedStep(group, made[group.rank]).check_weights(
                {"a": torch.full((1,), float(group.rank))}
            )

    in_threads(2, compare)


def test_a_digest_depends_on_names_and_values():
    one = {"a": torch.zeros(2), "b": torch.ones(2)}
    assert digest(one) == digest(dict(reversed(one.items())))
    assert digest(one) != digest({"a": torch.zeros(2), "c": torch.ones(2)})
