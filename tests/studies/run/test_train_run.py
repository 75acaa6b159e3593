"""A run is trained by its method, in a folder of its own."""

import pytest

from lpt.progress import SilentReporter
from lpt.studies.define.definition import Row
from lpt.studies.define.lr_grid import LearningRate
from lpt.studies.define.overrides import Overrides
from lpt.studies.plan.plan_runs import Line, plan_run
from lpt.studies.run.train_run import TASK, remove_checkpoints, train_run

from ..conftest import QUICK


@pytest.fixture
def trained(vit, study_data, tmp_path):
    def train(method: str, **row):
        line = Line(Row(label="x", method=method, set=row), str(vit), "x")
        overrides = Overrides(epochs=1, settings=QUICK)
        lr = LearningRate(1.0)
        run = plan_run(line, overrides, study_data, lr=lr, seed=0, part="final")
        context = study_data.context(run.config, "final", SilentReporter())
        return train_run(run, context, tmp_path, None)

    return train


def test_the_plain_backbone_is_not_trained(trained, tmp_path):
    made = trained("plain")
    assert (made.parameters, made.seconds) == (0, 0.0)
    assert list(tmp_path.iterdir()) == []


def test_a_baseline_is_trained(trained):
    """A classifier of 4 classes, over class token and patches of width 16."""
    assert trained("linear-probe").parameters == 4 * 2 * 16


def test_phase_1_counts_its_prompts_and_keeps_its_task_file(trained, tmp_path):
    """2 prompts of width 16 in each of 3 blocks, and the classifier."""
    made = trained("lpt", **{"phase2.epochs": 0})
    assert made.parameters == 3 * 2 * 16 + 4 * 2 * 16
    assert made.seconds > 0
    remove_checkpoints(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [TASK]
