"""Where data comes from: folders, lists, Parquet files, the hub, and data sets known by name."""
