"""What to do about the findings of a check."""

from pathlib import Path

from lpt.data.check.check_result import CheckReport
from lpt.data.check.policy import apply_policy, spoiling_images
from lpt.data.manifest import Manifest
from lpt.errors import DataError
from lpt.escape import shell_command
from lpt.progress import plural

__all__ = ["next_steps"]


def next_steps(report: CheckReport, manifest: Manifest, quarantine: Path | None) -> list[str]:
    """Suggest a command that trains without the bad images, or say why there is none.

    Args:
        report: the result of the check.
        manifest: the data that was checked.
        quarantine: the list of bad images that was written; None for none.
    Returns: lines for the terminal; none if nothing would spoil training.
    """
    lines = []
    if manifest.problems:
        faults = plural(len(manifest.problems), "fault")
        lines = [f"first  repair {faults} of folders, which no list of images can leave out"]
    if not spoiling_images(report):
        return lines
    try:
        apply_policy(manifest, report, "skip")
    except DataError as error:
        return [*lines, f"first  {error}"]
    left_out = "skip" if quarantine is None else quarantine
    command = shell_command("lpt", "train", manifest.name, "--bad-images", left_out)
    return [*lines, f"{'then ' if lines else 'next '} {command}"]
