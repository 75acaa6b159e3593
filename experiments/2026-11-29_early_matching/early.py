"""Early matching of a finished study run with both phases: accuracy beside matching by the query.

    PYTHONPATH=. python early.py OUT/runs/KEY DATA BACKBONE OUT.csv

The map is fitted to the run's training images as after phase 2. All three read the second pass
alone, since early matching has no query; the row "both passes" is the run as it was trained.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from lpt.config import load_config
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text
from lpt.progress import SilentReporter
from lpt.records import Predictions
from lpt.studies.plan.study_data import StudyData
from lpt.studies.run.evaluate_run import observe
from lpt.task_file import load_task
from lpt.training.phases.distil_matching import distil_matching


def main() -> None:
    """Write the table, and print what the fit says of itself."""
    run, data, backbone, out = sys.argv[1:]
    changes = {"data.source": data, "backbone": backbone, "prompts.match": "auto"}
    study = StudyData(load_config("default").changed(changes), SilentReporter(), device="cpu")
    context = study.context(study.config, "final", SilentReporter())
    model, _ = load_task(Path(run) / "task.safetensors", context.backbone, in_run=True)
    labels, counts = study.test.labels, context.counts.numpy()
    groups = {"many": counts > 100, "medium": (counts >= 20) & (counts <= 100), "few": counts < 20}

    @torch.inference_mode()
    def predicted(margin: float | None) -> Predictions:
        predict = partial(model.predict, early_margin=margin)
        return observe(context, predict, study.test, "").predictions

    def row(name: str, found: Predictions, exact: Predictions) -> dict[str, str]:
        assert found.matched is not None
        assert exact.matched is not None
        chosen = found.logits.argmax(1)
        right = chosen == labels
        by_class = np.array([right[labels == c].mean() for c in range(len(counts))])
        scores = {"overall": float(right.mean())}
        scores |= {group: float(by_class[members].mean()) for group, members in groups.items()}
        scores["same class"] = float((chosen == exact.logits.argmax(1)).mean())
        scores["same prompts"] = _same(found.matched, exact.matched)
        return {"row": name, **{key: f"{100 * value:.2f}" for key, value in scores.items()}}

    both = predicted(None)
    model.reads_both = False
    record = distil_matching(model, context)
    print(record)
    exact = predicted(None)
    rows = [row("both passes", both, exact), row("exact", exact, exact)]
    rows += [row("early", predicted(0.0), exact), row("auto", predicted(record.margin), exact)]
    write_text(Path(out), csv_text(rows))


def _same(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> float:
    return float((np.sort(one, 1) == np.sort(other, 1)).all(1).mean())


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
