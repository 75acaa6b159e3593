"""All images of a source of data, whatever its format."""

from dataclasses import replace
from pathlib import Path

from lpt.data.images.formats import SUFFIXES
from lpt.data.shards.row_reader import is_shard
from lpt.data.sources.class_folders import FOLDER_OPTIONS, read_folder
from lpt.data.sources.csv_lists import LIST_SUFFIXES, read_list
from lpt.data.sources.data_string import DataSpec, path_exists
from lpt.data.sources.hub_dataset import HUB_OPTIONS, HUB_PREFIX, read_hub
from lpt.data.sources.known.known_datasets import DATASETS
from lpt.data.sources.listing import Listing, SplitWords
from lpt.data.sources.parquet_dataset import is_parquet, parquet_files, read_parquet
from lpt.data.sources.paths import is_known_set, shadow_note
from lpt.data.sources.shards.shard_dataset import read_shards, shard_files
from lpt.data.sources.shards.shard_names import expanded, is_compressed, is_pattern
from lpt.errors import DataError
from lpt.files.remote.remote_paths import is_remote, place

__all__ = ["check_exists", "check_options", "labels_are_indices", "read_source"]

_TABLE_OPTIONS = ("split", "splits", "labels")


def check_options(spec: DataSpec, *common: str) -> None:
    """Check the options of a source.

    Args:
        spec: the specification.
        common: options that every source has in the present use.
    Raises: DataError naming an option that the source does not have.
    """
    if is_known_set(spec):
        spec.allow(*DATASETS[spec.source].options, *common)
    elif _is_hub(spec):
        spec.allow(*HUB_OPTIONS, *common, *_TABLE_OPTIONS)
    elif path_exists(spec.source) and _is_tree(Path(spec.source).expanduser()):
        spec.allow(*common, *FOLDER_OPTIONS, "splits", "labels")
    else:
        spec.allow(*common, *_TABLE_OPTIONS)


def check_exists(spec: DataSpec) -> None:
    """Check the place that a specification names; nothing is listed or read.

    Raises: DataError naming a path that does not exist, the first of several shards that does not,
        or a file of a format that cannot be read.
    """
    if _is_hub(spec) or is_known_set(spec):
        return
    source, remote = spec.source, is_remote(spec.source)
    if is_compressed(source) and (remote or not _is_folder(source)):
        raise DataError(f"{source}: a compressed tar file cannot be read. Unpack it to .tar.")
    if remote:  # to look there would take requests
        if Path(source).suffix.lower() in LIST_SUFFIXES.union(SUFFIXES):
            raise DataError(
                f"{source}: lists and image files in object storage cannot be read. Store the "
                "images in Parquet files or tar shards; a list on this machine selects some: "
                "ADDRESS:list=LIST."
            )
        return
    there = path_exists(source)
    if is_pattern(source) and not (there and place(source).exists()):
        _check_shards(source)
    elif not there:
        raise DataError(
            f"{source}: no such folder, list, Parquet file or tar shard, and not a known data "
            f"set ({', '.join(DATASETS)})."
        )


def labels_are_indices(spec: DataSpec) -> bool:
    """Whether integer labels without names are indices into a class list: `labels=index`.

    Raises: DataError for another value of the option.
    """
    if spec.options.get("labels", "index") != "index":
        raise DataError(
            f"{spec.source}: labels={spec.options['labels']}: the only choice is labels=index, "
            "for integer labels that are indices into the class list."
        )
    return "labels" in spec.options


def read_source(
    spec: DataSpec, seed: int, group_by: str | None, *, lenient: bool = False
) -> Listing:
    """List every image of the source.

    Args:
        spec: the specification; its options `list` and `test` are ignored.
        seed: determines the images of known data sets that are drawn.
        group_by: column of groups.
        lenient: read what can be read of a folder with faults.
    Raises: DataError naming the path, the fault and a remedy.
    """
    check_options(spec, "list", "test")
    if is_known_set(spec):
        if group_by is not None:
            raise DataError(f"{spec.source}: has no columns to group by. Leave out group_by.")
        return DATASETS[spec.source].read(spec, seed)
    splits = SplitWords.of_options(spec.options, spec.source)
    if _is_hub(spec):
        return read_hub(spec, group_by=group_by, splits=splits)
    check_exists(spec)
    path = place(spec.source)
    if is_remote(spec.source):
        found = _read_remote(path, group_by, splits)
    elif _is_tree(path):
        if group_by is not None:
            raise DataError(f"{path}: a folder has no column {group_by!r} to group by. Use a list.")
        found = read_folder(path, depth=spec.options.get("depth"), splits=splits, lenient=lenient)
    else:
        found = _read_table(path, group_by, splits)
    return replace(found, notes=shadow_note(spec) + found.notes)


def _check_shards(source: str) -> None:
    """Check that every shard of a pattern is there."""
    shards = expanded(place(source))
    missing = [shard for shard in shards if not path_exists(str(shard))]
    if missing:
        be = "is" if len(missing) == 1 else "are"
        raise DataError(
            f"{source}: {len(missing):,} of {len(shards):,} shards {be} missing: there is no "
            f"{missing[0]}. Correct the numbers or the path."
        )


def _is_folder(source: str) -> bool:
    return path_exists(source) and Path(source).expanduser().is_dir()


def _is_hub(spec: DataSpec) -> bool:
    return spec.source.startswith(HUB_PREFIX) and not is_remote(spec.source)


def _read_remote(path: Path, group_by: str | None, splits: SplitWords) -> Listing:
    """Read a Parquet file or tar shards in object storage, or all of a folder."""
    found = _read_rows(path, group_by, splits)
    if found is None:
        fault = "no Parquet files or tar shards in it" if path.is_dir() else "no such folder"
        raise DataError(
            f"{path}: {fault}. Give a Parquet file or tar shard, or a folder of them. Check the "
            "name, and that you may read it."
        )
    return found


def _is_tree(path: Path) -> bool:
    return path.is_dir() and not parquet_files(path) and not shard_files(path)


def _read_rows(path: Path, group_by: str | None, splits: SplitWords) -> Listing | None:
    """Read Parquet files or tar shards; None if a path leads to neither."""
    if is_parquet(path):
        return read_parquet([path], root=path.parent, group_by=group_by, splits=splits)
    if is_pattern(path.name) or is_shard(path):
        return read_shards(shard_files(path), root=path.parent, group_by=group_by, splits=splits)
    if files := parquet_files(path):
        return read_parquet(files, root=path, group_by=group_by, splits=splits)
    if files := shard_files(path):
        return read_shards(files, root=path, group_by=group_by, splits=splits)
    return None


def _read_table(path: Path, group_by: str | None, splits: SplitWords) -> Listing:
    found = _read_rows(path, group_by, splits)
    if found is not None:
        return found
    if path.suffix.lower() in LIST_SUFFIXES:
        return read_list(path, group_by=group_by, splits=splits)
    raise DataError(
        f"{path}: unsupported data format. Give a folder, a list "
        f"({', '.join(sorted(LIST_SUFFIXES))}), a .parquet file or .tar shards."
    )
