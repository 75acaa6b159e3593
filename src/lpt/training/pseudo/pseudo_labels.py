"""Unlabelled photos in a run: labelled by the model of phase 1, trained on in phase 2.

The labels lie in the run folder, so a resumed run continues with the same ones.
"""

import csv
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import softmax

from lpt.data.image_stores import FileStore
from lpt.data.joined_store import join_splits
from lpt.data.manifest import Split
from lpt.errors import DataError, ParameterError, RunError
from lpt.escape import csv_text
from lpt.evaluation import fit_temperature
from lpt.files.atomic_files import write_text
from lpt.files.regular_files import read_regular
from lpt.model.two_pass import LongTailedPromptModel
from lpt.progress import plural
from lpt.task.inference.find_images import find_images
from lpt.task.inference.predict_each import each_or_error
from lpt.training.phases.phase import Phase
from lpt.training.pseudo.choose_labels import choose_labels
from lpt.training.run.task_calibration import DEFAULT_TEMPERATURE
from lpt.training.run.training_context import TrainingContext

__all__ = ["FILE", "PseudoLabels", "train_on"]

FILE = "pseudo_labels.csv"
"""In the run folder: name, label and probability of each photo that got a label."""

_COLUMNS = ("name", "label", "probability")
_CHUNK = 512
_MOST_BYTES = 2**30

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PseudoLabels:
    """The unlabelled photos of a run.

    Attributes:
        photos: all of them, whose labels mean nothing; None in a run without a folder of photos,
            where nothing here does anything.
        names: their paths below the folder.
    """

    photos: Split | None = None
    names: tuple[str, ...] = ()

    @classmethod
    def of_run(cls, context: TrainingContext) -> "PseudoLabels":
        """Open the folder of the configuration, if there is one.

        Images that the data has, too, are left out, test images among them.

        Raises: DataError for a folder without images, or without others than those of the data.
        """
        given = context.config.data.unlabelled
        if given is None:
            return cls()
        root = Path(given).expanduser().absolute()
        if not root.is_dir():
            raise ParameterError(f"`unlabelled` {given}: no such folder. Give a folder of photos.")
        paths = find_images([root], notice=lambda text: context.reporter.message(f"note {text}"))
        store = FileStore.of_files(root, [str(path.relative_to(root)) for path in paths])
        known = np.zeros(len(store), dtype=bool)
        for split in context.data.splits.values():
            if isinstance(split.store, FileStore):
                known |= split.store.find(store) >= 0
        left = np.flatnonzero(~known)
        if not len(left):
            raise DataError(
                f"{given}: has no photo that is not in {context.data.name}. Give other photos."
            )
        nothing = np.zeros(len(left), dtype=np.int64)
        photos = Split("unlabelled", store, left, nothing, context.train_split.max_pixels)
        return cls(photos, tuple(store.paths[int(position)] for position in left))

    @property
    def identity(self) -> dict[str, str]:
        """A hash over the names of the photos, which must be unchanged on resume."""
        if self.photos is None:
            return {}
        names = "\n".join(sorted(self.names)).encode("utf-8", "surrogateescape")
        return {"unlabelled images": hashlib.sha256(names).hexdigest()}

    def timed(self, phases: Sequence[Phase], context: TrainingContext) -> tuple[Phase, ...]:
        """Return the phases with the time for the photos counted at the start of phase 2."""
        if self.photos is None:
            return tuple(phases)
        most = context.config.classifier.init_images_per_class
        passes = math.ceil(len(self.names) / int(context.counts.clamp(max=most).sum()))
        return tuple(_with_passes(p, passes) if p.number == 2 else p for p in phases)

    def begin(self, model: LongTailedPromptModel, context: TrainingContext, run: Path) -> None:
        """Label the photos with the model of phase 1, and train on them from now on.

        Labels that were written before, by a process that ended then, are used again.

        Raises: DataError if no photo can be read.
        """
        if self.photos is None:
            return

        def label() -> None:
            if not (run / FILE).is_file():
                self._label(model, context, run)

        context.group.decided(label, patient=True)  # process 0 predicts all photos
        self.resume(context, run)

    def resume(self, context: TrainingContext, run: Path) -> None:
        """Train on the photos that were labelled before.

        Raises: RunError if their list is missing or damaged.
        """
        if self.photos is None:
            return
        path = run / FILE
        places = {name: index for index, name in enumerate(self.names)}
        classes = {name: index for index, name in enumerate(context.data.class_names)}
        try:
            text: str = context.group.decided(partial(_text, path))
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
            images = [places[row["name"].removeprefix("./")] for row in rows]
            labels = [classes[row["label"]] for row in rows]
        except (csv.Error, KeyError) as error:
            raise RunError(
                f"{path}: is damaged ({error}). Restore it, or start a new run in another folder."
            ) from error
        train_on(context, self.photos.take(images), labels)
        counts = context.counts.numpy()
        numbers = [
            f"{int((context.groups.of(counts)[labels] == name).sum()):,} of {name}-shot classes"
            for name in ("many", "medium", "few")
        ]
        context.reporter.message(
            f"pseudo    {len(labels):,} of {plural(len(self.names), 'unlabelled photo')} are "
            f"trained on: {', '.join(numbers)}"
        )

    def _label(self, model: LongTailedPromptModel, context: TrainingContext, run: Path) -> None:
        temperature = DEFAULT_TEMPERATURE
        if (val := context.validation) is not None:
            known = context.predict(model.phase1, val, exact=True)
            temperature = fit_temperature(known.logits, known.labels, DEFAULT_TEMPERATURE)
        assert self.photos is not None  # else there is nothing to label
        read, cosines = self._predict(self.photos, model, context)
        settings = context.config.pseudo_labels
        chosen = choose_labels(
            softmax(cosines / temperature, axis=1),
            context.counts.numpy(),
            alpha=settings.alpha,
            least=settings.min_probability,
        )
        names = context.data.class_names
        rows = [
            {"name": self.names[read[i]], "label": names[label], "probability": f"{p:.4f}"}
            for i, label, p in zip(chosen.images, chosen.labels, chosen.probability, strict=True)
        ]
        table = csv_text(rows, _COLUMNS, paths=["name"], exact=["name", "label"])
        write_text(run / FILE, table)

    def _predict(
        self, photos: Split, model: LongTailedPromptModel, context: TrainingContext
    ) -> tuple[Ids, npt.NDArray[np.float32]]:
        """Return positions and cosines of the photos that can be read."""

        def cosines(indices: tuple[int, ...], workers: int) -> list[npt.NDArray[np.float32]]:
            del workers  # those of the context
            found = context.predict(model.phase1, photos.take(indices), exact=True)
            return list(found.logits)

        context.reporter.begin("unlabelled photos", len(self.names), unit="images")
        read, rows, last = [], [], None
        for start in range(0, len(self.names), _CHUNK):
            indices = tuple(range(start, min(start + _CHUNK, len(self.names))))
            outcomes = each_or_error(cosines, indices, 0)
            for index, found in zip(indices, outcomes, strict=True):
                if isinstance(found, DataError):
                    last = found
                else:
                    read.append(index)
                    rows.append(found)
            context.reporter.advance(len(indices))
        context.reporter.end()
        if not rows:
            assert last is not None
            raise last
        if left := len(self.names) - len(read):
            unread = plural(left, "unlabelled photo")
            context.reporter.message(f"left out  {unread} that cannot be read, such as {last}")
        return np.array(read, dtype=np.int64), np.stack(rows)


def train_on(context: TrainingContext, extra: Split, labels: Sequence[int]) -> None:
    """Train on further images from now on. Scores and metadata keep the counts of the data.

    Args:
        context: of the run.
        extra: the images.
        labels: (n,) their classes.
    """
    own = np.asarray(labels, dtype=np.int64)
    joined = join_splits(context.data.split("train"), replace(extra, labels=own))
    counts = np.bincount(joined.labels, minlength=context.data.num_classes)
    context.train_split = joined
    context.train_counts = torch.from_numpy(counts.astype(np.int64))


def _with_passes(phase: Phase, more: int) -> Phase:
    return replace(phase, start_passes=lambda config: phase.start_passes(config) + more)


def _text(path: Path) -> str:
    return read_regular(path, _MOST_BYTES, error=RunError).decode(errors="surrogateescape")
