"""`lpt analyze`: from a trained task and images to a folder of results."""

import time
from dataclasses import replace
from pathlib import Path

from lpt.analysis.analysis_data import AnalysisData, open_analysis_data
from lpt.analysis.analysis_results import Analysis, write_analysis
from lpt.analysis.collect import Collected, collect
from lpt.analysis.compute_analysis import compute_analysis, notable_suspects
from lpt.analysis.labels.leave_one_out import leave_one_out
from lpt.analysis.labels.suspects import find_suspects, rank_labels, write_suspects
from lpt.analysis.predictions import write_predictions
from lpt.analysis.thumbnails import TRAINING, save_thumbnails
from lpt.data.check.listed_images import relative_name
from lpt.data.manifest import Split
from lpt.errors import ConfigError
from lpt.evaluation.thresholds import VERSION, ThresholdTable, thresholds_of, write_thresholds
from lpt.progress import Reporter, SilentReporter
from lpt.task import Task
from lpt.task.task_digest import task_digest

__all__ = ["OTHER_SUSPECTS", "RANKING", "SUSPECTS", "run_analysis"]

SUSPECTS, OTHER_SUSPECTS, THRESHOLDS = "suspects.csv", "suspects_test.csv", "thresholds.json"
"""Suspect labels of training and of the analysed images, and the thresholds of lpt predict."""

RANKING = "label_ranking.csv"
"""Training images that are no suspects, the most doubtful label first, for lpt review."""

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
    Returns: the results, and their folder: analysis.json, one CSV file per table, suspects.csv,
        suspects_test.csv, label_ranking.csv, thresholds.json, images/.
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
    names, size = task.class_names, len(task.class_names)
    members = task.groups.members(task.spec.class_counts)
    suspects = find_suspects(images.scores, members, size)
    found, confusions = compute_analysis(task, opened, images, known, other, seconds, suspects)
    listed = [relative_name(opened.images, s.index, opened.images_root) for s in suspects]
    write_suspects(folder / OTHER_SUSPECTS, suspects, listed, opened.images.name, names)
    if known is not None and opened.bank is not None:
        scores, judged = leave_one_out(known.features["plain"], known.labels, size)
        suspects = find_suspects(scores, members, size, judged)
        listed = [relative_name(opened.bank, s.index, opened.bank_root) for s in suspects]
        out_before = _left_out(opened)
        write_suspects(folder / SUSPECTS, suspects, listed, opened.bank.name, names, out_before)
        rest = rank_labels(scores, suspects, size)[len(suspects) :]
        listed = [relative_name(opened.bank, s.index, opened.bank_root) for s in rest]
        write_suspects(folder / RANKING, rest, listed, opened.bank.name, names)
        shown = notable_suspects(opened.bank, scores, suspects)
        found = replace(found, training_suspects=len(suspects), training_label_errors=shown)
    write_analysis(folder, found, confusions)
    write_thresholds(folder / THRESHOLDS, _thresholds(path, opened, images))
    write_predictions(folder, opened.images, images.scores, task.spec.class_names)
    _save_images(folder, found, opened)
    return found, folder


def _left_out(opened: AnalysisData) -> list[tuple[str, str]]:
    """Name and split of the images that the run left out."""
    return [
        (relative_name(split, index, opened.bank_root), split.name)
        for split in opened.left_out
        for index in range(len(split))
    ]


def _thresholds(run: Path, opened: AnalysisData, images: Collected) -> ThresholdTable:
    scores, split = images.scores, opened.images
    rows = thresholds_of(scores.confidence, scores.correct)
    return ThresholdTable(VERSION, task_digest(run), opened.name, split.name, len(scores), rows)


def _save_images(folder: Path, found: Analysis, opened: AnalysisData) -> None:
    listed = (*found.label_errors, *found.mistakes, *found.typical, *found.isolated)
    save_thumbnails(folder, opened.images, (image.index for image in listed))
    if opened.bank is not None:
        trained = (image.index for image in found.training_label_errors)
        save_thumbnails(folder, opened.bank, trained, TRAINING)
