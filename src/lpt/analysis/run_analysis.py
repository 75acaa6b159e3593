"""`lpt analyze`: from a trained task and images to a folder of results."""

import time
from pathlib import Path

from lpt.analysis.analysis_data import AnalysisData, open_analysis_data
from lpt.analysis.analysis_results import Analysis, write_analysis
from lpt.analysis.collect import Collected, collect
from lpt.analysis.compute_analysis import compute_analysis
from lpt.analysis.predictions import write_predictions
from lpt.analysis.thumbnails import save_thumbnails
from lpt.data.manifest import Split
from lpt.errors import ConfigError
from lpt.progress import Reporter, SilentReporter
from lpt.task import Task

__all__ = ["run_analysis"]

MOST_BANK = {"cpu": 4_000, "cuda": 100_000}
"""Default number of training images to search for neighbours: minutes of work on the device."""


def run_analysis(
    run: str | Path,
    data: str | None = None,
    *,
    source: str | None = None,
    out: str | Path | None = None,
    bank: int | None = None,
    device: str | None = None,
    workers: int = 0,
    reporter: Reporter | None = None,
    backbone: str | None = None,
) -> tuple[Analysis, Path]:
    """Analyse a run on its test images, or on other data, and write the results to a folder.

    Args:
        run: run folder or task file.
        data: other images of the same classes; None for the run's own test images.
        source: other data whose features the LDA compares with these (the paper's figure 2).
        out: output folder; None for `analysis` in the folder of the task file.
        bank: number of training images, 1 or more, that K-NN and isolation search; from more, an
            equal number per class is sampled, at least one. None for 4,000 on a CPU and 100,000 on
            a GPU.
        device: "cpu", "cuda", or None for a GPU if there is one.
        workers: processes that load images; 0 loads in this one.
        reporter: receives progress; None for none.
        backbone: name of the backbone of the task; None as for `lpt.load`.
    Returns: the results, and their folder: analysis.json, one CSV file per table, images/.
    Raises: LptError naming what cannot be read; ConfigError if `bank` is below 1, or given for a
        task file, whose training images are unknown.
    """
    if bank is not None and bank < 1:
        raise ConfigError(f"bank={bank}: choose 1 image or more.")
    path, progress = Path(run), reporter or SilentReporter()
    task = Task.load(path, backbone, device)
    folder = Path(out) if out is not None else (path if path.is_dir() else path.parent) / "analysis"
    place = next(task.model.parameters()).device.type
    most = MOST_BANK.get(place, MOST_BANK["cpu"]) if bank is None else bank
    opened = open_analysis_data(path, task, data, source, most_bank=most)
    if bank is not None and opened.bank is None:
        raise ConfigError(
            f"bank={bank}: a task file does not record its training images. "
            "Give the run folder instead, or omit the bank."
        )

    def pass_over(split: Split, title: str) -> Collected:
        progress.begin(title, len(split), unit="images")
        found = collect(task, split, workers=workers, on_batch=progress.advance)
        progress.end()
        return found

    began = time.monotonic()
    images = pass_over(opened.images, f"features of {opened.images.name}")
    seconds = time.monotonic() - began
    known = None if opened.bank is None else pass_over(opened.bank, "features of train")
    other = None if opened.source is None else pass_over(opened.source, f"features of {source}")
    found, confusions = compute_analysis(task, opened, images, known, other, seconds)
    write_analysis(folder, found, confusions)
    write_predictions(folder, opened.images, images.scores, task.spec.class_names)
    _save_images(folder, found, opened)
    return found, folder


def _save_images(folder: Path, found: Analysis, opened: AnalysisData) -> None:
    listed = (*found.label_errors, *found.mistakes, *found.typical, *found.isolated)
    save_thumbnails(folder, opened.images, (image.index for image in listed))
