"""Schemes of addresses in object storage, the packages that read them, and their credentials."""

__all__ = ["CREDENTIALS", "PACKAGES"]

PACKAGES = {
    "s3": "lpt[remote]",
    "gs": "gcsfs",
    "abfs": "adlfs",
    "hf": "lpt[remote]",
}
"""Package to install, by scheme."""

CREDENTIALS = {
    "s3": "Set AWS_PROFILE, or FSSPEC_S3_ANON=true for a public bucket.",
    "hf": "Set HF_TOKEN.",
}
"""Remedy where none were found, by scheme."""
