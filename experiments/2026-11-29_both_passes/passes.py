"""Accuracy of a finished study run with both phases when other features are classified.

    PYTHONPATH=. python passes.py DATA BACKBONE PHASE_1_RUN BOTH_PHASES_RUN OUT.csv

The runs are folders of `lpt study` (OUT/runs/KEY) with one seed and equal phase 1. Rows: phase 1;
the second pass alone; the features of both passes with one classifier; and mean cosines of phase 1
and of the second pass, each with its own classifier.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from lpt.config import load_config
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text
from lpt.progress import SilentReporter
from lpt.studies.plan.study_data import StudyData
from lpt.studies.run.evaluate_run import observe
from lpt.task_file import load_task


@torch.inference_mode()
def main() -> None:
    """Write the table."""
    source, backbone, first, both, out = sys.argv[1:]
    config = load_config("default").changed({"data.source": source, "backbone": backbone})
    study = StudyData(config, SilentReporter(), device="cpu")
    context = study.context(config, "final", SilentReporter())
    labels, counts = study.test.labels, context.counts.numpy()
    rows = []

    def cosines(run: str, reads_both: bool, phases: int) -> npt.NDArray[np.float32]:
        file = Path(run) / "task.safetensors"
        model, _ = load_task(file, context.backbone, in_run=True)
        model.phases, model.reads_both = phases, reads_both
        return observe(context, model.predict, study.test, file.parent.name).predictions.logits

    def row(name: str, logits: npt.NDArray[np.float32]) -> None:
        right = logits.argmax(1) == labels
        by_class = {c: right[labels == c].mean() for c in np.unique(labels)}
        few = [by_class[c] for c in by_class if counts[c] < 20]
        scores = {"overall": right.mean(), "macro": np.mean(list(by_class.values()))}
        scores["few"] = np.mean(few) if few else np.nan
        rows.append({"row": name, **{k: f"{100 * v:.2f}" for k, v in scores.items()}})

    one, second = cosines(first, False, 1), cosines(both, False, 2)
    row("phase 1", one)
    row("second pass", second)
    row("both passes, one classifier", cosines(both, True, 2))
    for share in (0.25, 0.5, 0.75):
        row(f"mean of both answers, {share} of phase 2", (1 - share) * one + share * second)
    write_text(Path(out), csv_text(rows))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
