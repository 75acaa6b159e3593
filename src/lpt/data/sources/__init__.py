"""Sources of data: folders, lists, Parquet files, the hub, and data sets known by name."""
