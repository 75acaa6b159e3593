"""Schemes of addresses in object storage, and the packages that read them."""

__all__ = ["PACKAGES"]

PACKAGES = {
    "s3": "lpt[remote]",
    "gs": "gcsfs",
    "abfs": "adlfs",
    "hf": "lpt[remote]",
}
"""Package to install, by scheme."""
