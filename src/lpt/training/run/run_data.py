"""The data of a run: the same images whenever it is opened again."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lpt.config import DataConfig, RunConfig
from lpt.data.check.check_result import check_data
from lpt.data.check.findings import Limits
from lpt.data.check.policy import POLICIES, apply_policy, spoiling_images, without_quarantined
from lpt.data.manifest import Manifest
from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.open_data import open_data
from lpt.data.sources.paths import anchored, local_path
from lpt.errors import ConfigError, RunError
from lpt.files import cache_folder
from lpt.progress import Reporter, SilentReporter, shown
from lpt.training.run.data_identity import data_identity
from lpt.training.run.run_folder import RunFolder

__all__ = ["anchored_config", "check_place", "check_workers", "data_of_run", "open_configured"]


def anchored_config(config: RunConfig) -> RunConfig:
    """The same configuration with local data, and a list of its bad images, at absolute paths."""
    settings, bad = {"data.source": anchored(config.data.source)}, config.data.bad_images
    if bad is not None and bad not in POLICIES and Path(bad).expanduser().exists():
        settings["data.bad_images"] = str(Path(bad).expanduser().absolute())
    return config.changed(settings)


def check_place(run: str | Path, config: RunConfig) -> None:
    """Find out whether a run's data is where the run knows it to be.

    Raises: RunError telling how to name its new place.
    """
    path = local_path(parse_spec(config.data.source).source)
    if path is not None and not path.exists():
        raise RunError(
            f"{run}: its data is no longer at {path}. "
            f"Name the new place: lpt train PLACE --out {run} --resume."
        )


def open_configured(
    config: RunConfig,
    *,
    class_names: Sequence[str] | None = None,
    reporter: Reporter | None = None,
) -> Manifest:
    """Open the data that a configuration names, without the images that it leaves out.

    Under `data.bad_images` "error" and "skip" every image is read first (what was seen once is
    found in a cache by its content); a path leaves out what that quarantine list names.

    Args:
        class_names: those of the trained task, for data that was trained on: its images were
            checked then, so "error" reads none of them again.
        reporter: told of the check.
    Raises: DataError naming what cannot be opened or, under "error", would spoil training.
    """
    settings, told = config.data, reporter or SilentReporter()
    data = open_data(
        settings.source,
        seed=config.seed,
        val_fraction=settings.val_fraction,
        test_fraction=settings.test_fraction,
        class_names=class_names,
        group_by=settings.group_by,
    )
    policy = settings.bad_images
    if policy is None or (policy == "error" and class_names is not None):
        return data
    if policy not in POLICIES:
        path = Path(policy).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"data.bad_images={policy}: choose {', '.join(POLICIES)}, or a list that is there; "
                "lpt data check --quarantine FILE writes one."
            )
        return without_quarantined(data, path)
    return _checked(data, settings, policy, told)


def data_of_run(run: str | Path, class_names: Sequence[str]) -> Manifest | None:
    """The data that a run was trained on, as it was split then; None beside a lone task file.

    Args:
        run: run folder or task file.
        class_names: of the task.
    Raises: RunError if the data moved, or changed since: its test images could be images of
        training.
    """
    path = Path(run)
    folder = RunFolder(path if path.is_dir() else path.parent)
    if not folder.config_file.is_file():
        return None
    config = folder.read_config()
    check_place(folder.path, config)
    data = open_configured(config, class_names=class_names)
    folder.check_identity(data_identity(data))
    return data


def check_workers() -> int:
    """Processes that read images for a check: all cores, up to 8."""
    return min(8, os.cpu_count() or 1)


def _checked(data: Manifest, settings: DataConfig, policy: str, told: Reporter) -> Manifest:
    with shown(told, "image check", "images") as progress:
        report = check_data(
            data,
            workers=check_workers() if settings.workers is None else settings.workers,
            start_method=settings.start_method,
            cache=cache_folder(),
            limits=Limits(similarity=None),
            progress=progress,
        )
    kept = apply_policy(data, report, policy)
    bad = Counter(spoiling_images(report).values())
    if bad:
        kinds = ", ".join(f"{count} {kind}" for kind, count in bad.items())
        told.message(f"left out  {bad.total():,} images ({kinds}); lpt data check names them")
    return kept
