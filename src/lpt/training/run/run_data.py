"""The data of a run, opened the same way every time."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lpt.backbones import FrozenViT, load_backbone
from lpt.backbones.text.prompt_templates import TEMPLATES
from lpt.backbones.towers.feature_name import FeatureChoice
from lpt.config import DataConfig, RunConfig
from lpt.data.check.check_result import check_data
from lpt.data.check.corrections import with_corrections
from lpt.data.check.findings import Limits
from lpt.data.check.policy import POLICIES, apply_policy, spoiling_images
from lpt.data.check.quarantine import without_quarantined
from lpt.data.check.scan import check_workers
from lpt.data.manifest import Manifest, Split
from lpt.data.sources.data_string import parse_spec, path_exists
from lpt.data.sources.open_data import open_data
from lpt.data.sources.paths import anchored, local_path
from lpt.errors import ParameterError, RunError
from lpt.escape import printable, shell_command
from lpt.files.atomic_files import cache_folder
from lpt.files.regular_files import is_file
from lpt.progress import Reporter, SilentReporter, plural, shown
from lpt.training.run.data_identity import data_identity
from lpt.training.run.run_folder import RunFolder
from lpt.training.run.run_origin import check_names

__all__ = [
    "anchored_config",
    "check_place",
    "configured_backbone",
    "data_of_run",
    "left_out_of_run",
    "open_configured",
    "source_of_run",
]


def anchored_config(config: RunConfig) -> RunConfig:
    """Return a configuration whose local data and lists of images have absolute paths."""
    settings = {"data.source": anchored(config.data.source)}
    for name in ("bad_images", "corrections", "unlabelled"):
        path = getattr(config.data, name)
        if path is not None and path not in POLICIES and path_exists(path):
            settings[f"data.{name}"] = str(Path(path).expanduser().absolute())
    for name in ("source", "templates", "class_names"):
        path = getattr(config.text, name)
        if path is not None and path not in TEMPLATES and path_exists(path):
            settings[f"text.{name}"] = str(Path(path).expanduser().absolute())
    return config.changed(settings)


def configured_backbone(config: RunConfig) -> FrozenViT:
    """Load the backbone of a configuration. Raises: BackboneError if it cannot be loaded."""
    return load_backbone(
        config.backbone,
        image_size=config.image_size,
        layer_norm_eps=config.layer_norm_eps,
        feature=_feature(config),
        weights=config.backbone_weights,
    )


def _feature(config: RunConfig) -> FeatureChoice:
    """Text has no mean of patches, so classes that start at it need the backbone's own feature."""
    text = config.classifier.init == "text"
    return "own" if text and config.feature == "auto" else config.feature


def check_place(run: str | Path, config: RunConfig) -> None:
    """Check that the local data of a run is still at its recorded path.

    Raises: RunError explaining how to give the new path.
    """
    path = local_path(parse_spec(config.data.source).source)
    if path is not None and not path_exists(str(path)):
        raise RunError(
            f"{run}: its data is no longer at {path}. "
            f"Give the new path: lpt train PATH {shell_command('--out', run, '--resume')}"
        )


def open_configured(
    config: RunConfig,
    *,
    class_names: Sequence[str] | None = None,
    reporter: Reporter | None = None,
) -> Manifest:
    """Open the data of a configuration, corrected, without the images that it excludes.

    With `data.bad_images` "error" or "skip", every image is read first (results are cached by
    content); a path excludes the images of that quarantine list. `data.corrections` is applied
    first, so that a label that was corrected contradicts no other.

    Args:
        class_names: class names of the trained task, if the data was trained on before. Its images
            were checked then, so "error" does not read them again.
        reporter: receives the progress of the check.
    Raises: DataError naming data that cannot be opened or, with "error", bad images; ParameterError
        if `data.bad_images` is neither a policy nor an existing list, or `data.corrections` no
        list.
    """
    settings = config.data
    data = open_data(
        settings.source,
        seed=config.seed,
        val_fraction=settings.val_fraction,
        test_fraction=settings.test_fraction,
        class_names=class_names,
        group_by=settings.group_by,
    )
    if settings.max_pixels is not None:
        limited = {k: replace(v, max_pixels=settings.max_pixels) for k, v in data.splits.items()}
        data = replace(data, splits=limited)
    progress = reporter or SilentReporter()
    if settings.corrections is not None:
        data = _corrected(data, settings.corrections, progress)
    policy = settings.bad_images
    if policy is None or (policy == "error" and class_names is not None):
        return data
    if policy not in POLICIES:
        path = Path(policy).expanduser()
        if not is_file(path):
            listing = shell_command("lpt", "data", "check", settings.source, "--quarantine", "LIST")
            fault = "is a folder or a device" if path_exists(policy) else "no such file"
            raise ParameterError(
                f"`bad_images` {policy}: {fault}. Give {', '.join(POLICIES)} or a quarantine "
                f"list. To write one: {listing}"
            )
        kept = without_quarantined(data, path, notice=_noting(progress))
        left_out = plural(_size(data) - _size(kept), "image")
        progress.message(f"left out  {left_out} of the data ({printable(str(path))})")
        return kept
    return _checked(data, settings, policy, progress)


def data_of_run(
    run: str | Path, class_names: Sequence[str], *, given: bool = False
) -> Manifest | None:
    """Open the data that a run was trained on, with the same splits.

    Args:
        run: run folder or task file.
        class_names: class names of the task.
        given: whether the user names this data too; otherwise the run must have been made on this
            machine, or its data be bundled.
    Returns: the data; None for a task file outside a run folder.
    Raises: RunError if the data moved or changed, because test images could then be images that
        the task was trained on, or if a run from elsewhere chooses what is opened.
    """
    path = Path(run)
    folder = RunFolder(path if path.is_dir() else path.parent)
    if not folder.config_file.is_file():
        return None
    config = folder.read_config()
    check_place(folder.path, config)
    check_names(folder.path, config, data_given=given)
    data = open_configured(config, class_names=class_names)
    folder.check_identity(data_identity(data, content=config.data.check_content))
    return data


def source_of_run(run: str | Path) -> str | None:
    """Return the data that the configuration of a run names; None if there is none."""
    path = Path(run)
    folder = RunFolder(path if path.is_dir() else path.parent)
    return folder.read_config().data.source if folder.config_file.is_file() else None


def left_out_of_run(run: str | Path, data: Manifest) -> tuple[Split, ...]:
    """Return the images that a run left out as bad, by split.

    Args:
        run: run folder, or a task file in one.
        data: what `data_of_run` returns for it.
    """
    path = Path(run)
    config = RunFolder(path if path.is_dir() else path.parent).read_config()
    if config.data.bad_images in (None, "error"):
        return ()
    whole = open_configured(config.changed({"data.bad_images": None}), class_names=data.class_names)
    parts = []
    for name, split in whole.splits.items():
        used = data.splits[name].positions if name in data.splits else ()
        parts.append(split.take(np.flatnonzero(~np.isin(split.positions, used))))
    return tuple(part for part in parts if len(part))


def _corrected(data: Manifest, given: str, reporter: Reporter) -> Manifest:
    path = Path(given).expanduser()
    if not is_file(path):
        raise ParameterError(
            f"`corrections` {given}: no such file. Give the list that `lpt review` writes."
        )
    corrected = with_corrections(data, path, notice=_noting(reporter))
    reporter.message(f"corrected {corrected.corrections} ({printable(str(path))})")
    return corrected


def _noting(reporter: Reporter) -> Callable[[str], None]:
    return lambda text: reporter.message(f"note      {text}")


def _size(data: Manifest) -> int:
    return sum(map(len, data.splits.values()))


def _checked(data: Manifest, settings: DataConfig, policy: str, reporter: Reporter) -> Manifest:
    with shown(reporter, "image check", "images") as progress:
        report = check_data(
            data,
            workers=check_workers() if settings.workers is None else settings.workers,
            start_method=settings.start_method,
            cache=cache_folder(),
            limits=Limits(similarity=None),
            progress=progress,
        )
    remaining = apply_policy(data, report, policy)
    bad = Counter(spoiling_images(report).values())
    if bad:
        kinds = ", ".join(f"{count} {kind}" for kind, count in bad.items())
        left_out = plural(bad.total(), "image")
        reporter.message(f"left out  {left_out} ({kinds}); lpt data check lists them")
    return remaining
