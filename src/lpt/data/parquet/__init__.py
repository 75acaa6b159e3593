"""Parquet files: nothing that a file states about itself is believed."""
