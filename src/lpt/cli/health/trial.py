"""A small trial: the bundled backbone computes, and images are decoded."""

import math

from lpt.cli.health.health_report import HealthReport

__all__ = ["check_formats", "check_trial"]


def check_formats(report: HealthReport) -> None:
    """Report the image formats that are decoded here."""
    from lpt.data.images.formats import FORMATS, decoded_formats

    decoded = decoded_formats()
    report.add("formats", ", ".join(decoded), list(decoded))
    missing = [kind for kind in FORMATS if kind not in decoded]
    if missing:
        report.problem(
            f"{' and '.join(missing)} images cannot be decoded here",
            "If there are such images: pip install 'lpt[heif]'",
            is_note=True,
        )


def check_trial(report: HealthReport) -> None:
    """Load the bundled backbone, check its weights, and compute the features of one image."""
    try:
        import torch

        from lpt.backbones import load_backbone
        from lpt.backbones.catalog import EMBEDDED
        from lpt.machine.devices import choose_device

        backbone = load_backbone(EMBEDDED.name)
        device = choose_device()
        size = backbone.spec.image_size
        with torch.inference_mode():
            feature = backbone.to(device)(torch.zeros(1, 3, size, size, device=device))
        sound = bool(torch.isfinite(feature).all()) and math.prod(feature.shape) > 0
        fault = "" if sound else f"the bundled backbone computes no finite numbers on {device}"
        fault = fault or (
            "" if backbone.spec.sha256 == EMBEDDED.sha256 else "the bundled backbone is damaged"
        )
    except Exception as error:  # whatever is broken must be reported, not end the report
        fault = f"the bundled backbone cannot be used ({' '.join(str(error).split())})"
    report.add("trial", "failed" if fault else "the bundled backbone computes", not fault)
    if fault:
        report.problem(fault, "Install lpt and torch again, or choose another device.")
