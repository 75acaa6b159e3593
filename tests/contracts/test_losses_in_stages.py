"""Stages give a registered loss the feature and the epoch that its signature asks for."""

from collections.abc import Iterator

import pytest
import torch
from tests.contracts.test_stages import STAGES
from tests.losses.example_losses import registered

from lpt.losses import build_loss
from lpt.records import Progress
from lpt.training.engine.stage import branches_of


@pytest.fixture(autouse=True)
def _examples() -> Iterator[None]:
    with registered():
        yield


@pytest.mark.parametrize("stage_name", STAGES)
@pytest.mark.parametrize("mixup", [0.0, 0.3])
def test_terms_are_those_of_the_loss_with_feature_and_epoch(stage_name, mixup):
    for name in ("warming-focal", "short-features"):
        stage = STAGES[stage_name]("instance", mixup)
        loss = build_loss(name, torch.tensor([9, 4, 1]), scale=2.0)
        stage.branches = branches_of("instance", loss, loss)
        images, labels = torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 1])
        step = stage.draw({"images": images}, labels)
        with torch.no_grad():
            first, last = (stage(step, Progress(epoch, 3)) for epoch in (0, 2))
            output = stage.output({**step.inputs, **stage.frozen(step.inputs["images"])})
        assert torch.equal(first.total, last.total) == (name == "short-features")
        if not mixup:
            values = loss(labels=labels, cosine=output.logits, feature=output.feature,
                          progress=Progress(2, 3))  # fmt: skip
            torch.testing.assert_close(last["instance.classification"], values.mean())
