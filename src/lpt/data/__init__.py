"""Data sets by name, folder, list or Parquet; decoding, transforms, samplers and loading."""

from lpt.data.corruptions import CORRUPTIONS, SEVERITIES, Corruption
from lpt.data.counts import ClassGroups, imbalance
from lpt.data.datasets import open_data, open_test
from lpt.data.decode import decode
from lpt.data.deriving import list_long_tailed, list_split, with_list
from lpt.data.inspect import DataSummary, inspect_data, render
from lpt.data.loading import Draw, EvalBatches, ImageDataset, Loader, make_loader
from lpt.data.longtail import PROFILES, long_tailed, profile_counts, write_list
from lpt.data.manifest import Manifest, Split
from lpt.data.named import NAMED, NamedSet
from lpt.data.places import anchored, local_path
from lpt.data.rates import LoadingRate, loading_hint, measure_loading, render_rates
from lpt.data.samplers import (
    ORDERS,
    balanced_order,
    class_cycle_order,
    draw_order,
    epoch_batches,
    instance_order,
    random_stream,
    square_root_order,
    steps_per_epoch,
)
from lpt.data.shifted import ShiftedSet, open_shifted
from lpt.data.spec import same_data
from lpt.data.stores import ImageRef
from lpt.data.transforms import RESIZE_RULES, Transform, eval_transform, train_transform

__all__ = [
    "CORRUPTIONS",
    "NAMED",
    "ORDERS",
    "PROFILES",
    "RESIZE_RULES",
    "SEVERITIES",
    "ClassGroups",
    "Corruption",
    "DataSummary",
    "Draw",
    "EvalBatches",
    "ImageDataset",
    "ImageRef",
    "Loader",
    "LoadingRate",
    "Manifest",
    "NamedSet",
    "ShiftedSet",
    "Split",
    "Transform",
    "anchored",
    "balanced_order",
    "class_cycle_order",
    "decode",
    "draw_order",
    "epoch_batches",
    "eval_transform",
    "imbalance",
    "inspect_data",
    "instance_order",
    "list_long_tailed",
    "list_split",
    "loading_hint",
    "local_path",
    "long_tailed",
    "make_loader",
    "measure_loading",
    "open_data",
    "open_shifted",
    "open_test",
    "profile_counts",
    "random_stream",
    "render",
    "render_rates",
    "same_data",
    "square_root_order",
    "steps_per_epoch",
    "train_transform",
    "with_list",
    "write_list",
]
