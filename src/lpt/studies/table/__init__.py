"""The table of a study: aggregation, differences, rendering, export."""
