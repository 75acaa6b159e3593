"""Classes that start at text: features of their names, kept in the run folder, and their scores.

The text tower is needed when a run begins, and never again: neither resuming nor the task needs it.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from lpt.backbones.text.prompt_templates import templates_named, usual_templates
from lpt.backbones.text.text_source import find_text
from lpt.backbones.text.text_tower import TextTower, check_text_packages
from lpt.data.readable_names import CLASS_NAMES_FILE, ReadableNames, read_class_names
from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.paths import local_path
from lpt.errors import BackboneError, RunError
from lpt.escape import printable, shortened
from lpt.files.atomic_files import write_bytes
from lpt.files.regular_files import is_file
from lpt.files.tensor_files import TensorFile, TensorLimits, tensor_bytes
from lpt.model.class_text import ClassText
from lpt.progress import known_metrics, listed, percent, plural, shown
from lpt.records import Output
from lpt.task.run_result import Summary
from lpt.training.processes.final_scores import score_phase
from lpt.training.processes.shared_evaluation import shared_validation
from lpt.training.run.training_context import TrainingContext

__all__ = ["ZERO_SHOT", "begin_text", "text_of_classes", "zero_shot_scores"]

ZERO_SHOT = "zero-shot"
"""In `Result.metrics`: the scores of text alone, without prompts and training."""

FILE = "class_text.safetensors"
_LIMITS = TensorLimits(file_bytes=2**32)
_FIELDS = ("features", "projection", "bias")


def text_of_classes(context: TrainingContext) -> ClassText:
    """Return the text features of the classes; the first call computes them.

    Raises: BackboneError if the backbone has no text tower that can be read; DataError for a list
        of class names, and ParameterError for templates, that cannot be used.
    """
    if context.class_text is None:
        made = context.group.tensors_of_main(lambda: _tensors(_computed(context)))
        context.class_text = _checked(context, made)
    return context.class_text


def begin_text(context: TrainingContext, run: Path) -> None:
    """Compute or read the text features of a run that begins, if it uses any, and score them.

    Args:
        run: its folder, which then holds the features.
    Raises: as `text_of_classes`; RunError for a damaged file of the run.
    """
    if context.config.classifier.init != "text":
        return
    if not _read(context, run):
        text = text_of_classes(context)
        if context.group.is_main:
            write_bytes(run / FILE, tensor_bytes(_tensors(text), {}))
    scores = shared_validation(context, _zero_shot(context))
    if scores:
        shares = " ".join(f"{name} {percent(scores[name])}" for name in known_metrics([scores]))
        context.reporter.message(f"{ZERO_SHOT}  val {shares}  (class names only)")


def zero_shot_scores(context: TrainingContext, run: Path) -> dict[str, dict[str, Summary]]:
    """Score text alone on validation and test images; empty for a run that does not use it."""
    if context.config.classifier.init != "text" or not (context.class_text or _read(context, run)):
        return {}
    return {ZERO_SHOT: score_phase(context, _zero_shot(context), ZERO_SHOT)[0]}


def _zero_shot(context: TrainingContext) -> Callable[[Tensor], Output]:
    text = text_of_classes(context).to(context.accelerator.device)

    def predict(images: Tensor) -> Output:
        feature = context.backbone(images)
        return Output(text.scores(feature), feature, feature)

    return predict


def _computed(context: TrainingContext) -> ClassText:
    settings, source = context.config.text, context.config.data.source
    check_text_packages()
    found = find_text(context.config.backbone, settings.source)
    kind = settings.templates or usual_templates(parse_spec(source).source)
    templates = templates_named(kind)
    path = _names_file(context)
    names = read_class_names(context.data.class_names, path)
    tower = TextTower(found, context.accelerator.device)
    tower.check_image_tower(context.backbone)
    with shown(context.reporter, "text of class names", "prompts") as progress:
        features = tower.class_features(names.names, templates, progress)
    place = "their folders" if path is None else printable(str(path))
    context.reporter.message(
        f"text      {printable(found.name)}: {plural(len(features), 'class', 'classes')} by "
        f"{plural(len(templates), 'template')} ({printable(kind)}), names from {place}"
    )
    for note in _notes(names):
        context.reporter.message(f"note      {note}")
    weight, bias = tower.projection or (None, None)
    return ClassText(features, weight, bias)


def _names_file(context: TrainingContext) -> Path | None:
    """The list of class names that is given, or that lies in the folder of the data."""
    given, source = context.config.text.class_names, context.config.data.source
    if given is not None:
        return Path(given).expanduser()
    root = local_path(parse_spec(source).source)
    if root is None:
        return None
    beside = (root if root.is_dir() else root.parent) / CLASS_NAMES_FILE
    return beside if is_file(beside) else None


def _notes(names: ReadableNames) -> list[str]:
    notes = []
    if names.missing:
        some = listed([printable(shortened(name, 40)) for name in names.missing])
        notes.append(f"no readable name, so that of the folder is used: {some}")
    if names.codes:
        some = listed([printable(shortened(name, 40)) for name in names.codes])
        notes.append(f"codes instead of names ({some}) mean nothing to a text tower")
    return notes


def _tensors(text: ClassText) -> dict[str, Tensor]:
    values = {name: getattr(text, name) for name in _FIELDS}
    return {name: value.contiguous() for name, value in values.items() if value is not None}


def _read(context: TrainingContext, run: Path) -> bool:
    """Take the features in a run folder; False if it has none."""

    def read() -> dict[str, Tensor]:
        path = run / FILE
        if not path.exists():
            return {}
        with TensorFile(path, _LIMITS, RunError, remedy="Restore it, or start a new run.") as file:
            return file.read_all()

    if made := context.group.tensors_of_main(read):
        context.class_text = _checked(context, made, run / FILE)
    return bool(made)


def _checked(
    context: TrainingContext, tensors: dict[str, Tensor], file: Path | None = None
) -> ClassText:
    features, projection, bias = (tensors.get(name) for name in _FIELDS)
    classes, width = context.data.num_classes, context.backbone.feature_width
    fits = (
        features is not None
        and features.dim() == 2
        and len(features) == classes
        and all(t.dtype == torch.float32 and bool(t.isfinite().all()) for t in tensors.values())
    )
    if fits and features is not None:
        inner = features.shape[1]
        fits = (inner == width) if projection is None else projection.shape == (width, inner)
        fits = fits and (bias is None or bias.shape == (inner,))
    if features is None or not fits:
        if file is None:
            raise BackboneError("the text tower: does not fit the backbone. Set text.source.")
        raise RunError(f"{file}: does not fit the data and the backbone. Start a new run.")
    return ClassText(features, projection, bias)
