"""Check a data set, and report the result as text or JSON."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lpt.data.check.findings import KINDS, Finding, Limits, find_flaws
from lpt.data.check.scan import scan_images
from lpt.data.manifest import Manifest
from lpt.escape import json_text, printable
from lpt.progress import plural

__all__ = ["CheckReport", "check_data", "render_check"]


@dataclass(frozen=True)
class CheckReport:
    """The result of a check.

    Attributes:
        name: the data set.
        images: number of images in each split.
        findings: all flaws, worst kind first.
        limits: bounds that were used.
        seconds: duration.
        notes: lines about the data, such as what was left out.
    """

    name: str
    images: dict[str, int]
    findings: tuple[Finding, ...]
    limits: Limits
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def spoiled(self) -> bool:
        """Whether any finding would spoil training or evaluation."""
        return any(KINDS[finding.kind].spoils for finding in self.findings)

    def count(self, kind: str) -> int:
        """Number of findings of a kind."""
        return sum(finding.kind == kind for finding in self.findings)

    def to_json(self) -> str:
        """All attributes as a JSON object, preceded by the number of findings of each kind."""
        counts = Counter(finding.kind for finding in self.findings)
        content = {"spoiled": self.spoiled, "counts": counts, **asdict(self)}
        return json_text(content, indent=2)


def check_data(
    manifest: Manifest,
    *,
    workers: int = 2,
    start_method: str | None = None,
    cache: Path | None = None,
    limits: Limits | None = None,
    max_pixels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Read every image and report what would spoil training or evaluation.

    Args:
        manifest: the data. Open it with `val_fraction=0` and `test_fraction=0` to check it as
            it is.
        workers: processes that read images; 0 reads in this process.
        start_method: fork, spawn or forkserver; None takes the platform's default.
        cache: folder that keeps facts of images by content, so that a second check only reads and
            hashes files; None caches nothing.
        limits: bounds of tiny, huge and near-duplicate.
        max_pixels: decode limit; larger images are reported. None takes the limit of each split.
        progress: called with the number of images done and their total.
    Raises: DataError if a worker was killed.
    """
    began = time.perf_counter()
    limits = limits or Limits()
    scan = scan_images(
        list(manifest.splits.values()),
        workers=workers,
        start_method=start_method,
        cache=cache,
        max_pixels=max_pixels,
        progress=progress,
    )
    return CheckReport(
        name=manifest.name,
        images={name: len(split) for name, split in manifest.splits.items()},
        findings=find_flaws(manifest, scan, limits),
        limits=limits,
        seconds=time.perf_counter() - began,
        notes=manifest.notes,
    )


def render_check(report: CheckReport, *, examples: int = 3) -> str:
    """Render the report as text: one line per kind found, each with up to `examples` examples."""
    total = sum(report.images.values())
    lines = [f"{printable(report.name)}: {plural(total, 'image')} read in {report.seconds:.0f} s"]
    lines += [f"  {note}" for note in report.notes]
    for kind, about in KINDS.items():
        findings = [finding for finding in report.findings if finding.kind == kind]
        if not findings:
            continue
        mark = "BAD " if about.spoils else "note"
        lines.append(f"  {mark}  {kind:<16}{len(findings):>7,}  {about.meaning}")
        for finding in findings[:examples]:
            lines.append(f"          {printable(_example(finding))}")
        if findings[examples:]:
            lines.append(f"          ... {len(findings) - examples:,} more in the JSON report")
    verdict = (
        "this data would spoil training or evaluation"
        if report.spoiled
        else "found nothing that would spoil training"
    )
    return "\n".join([*lines, f"  {verdict}"])


def _example(finding: Finding) -> str:
    names = " = ".join(f"{place.name} ({place.label})" for place in finding.images[:3])
    return (
        names + (f" and {len(finding.images) - 3} more" if finding.images[3:] else "")
        or finding.detail
    )
