"""Finding images that would spoil training: broken, duplicate, mislabelled, leaking."""

from lpt.data.check.findings import KINDS, Finding, Limits, Place
from lpt.data.check.fingerprint import fingerprint, similar_pairs
from lpt.data.check.policy import (
    POLICIES,
    apply_policy,
    spoiling_images,
    without_quarantined,
    write_quarantine,
)
from lpt.data.check.report import CheckReport, check_data, render_check
from lpt.data.check.sheet import contact_sheet

__all__ = [
    "KINDS",
    "POLICIES",
    "CheckReport",
    "Finding",
    "Limits",
    "Place",
    "apply_policy",
    "check_data",
    "contact_sheet",
    "fingerprint",
    "render_check",
    "similar_pairs",
    "spoiling_images",
    "without_quarantined",
    "write_quarantine",
]
