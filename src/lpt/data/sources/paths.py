"""Places that data specifications name, and their absolute forms, valid from every folder."""

from pathlib import Path

from lpt.data.shards.row_reader import is_shard
from lpt.data.sources.data_string import DataSpec, parse_spec, path_exists
from lpt.data.sources.hub_dataset import HUB_PREFIX
from lpt.data.sources.known.known_datasets import DATASETS
from lpt.data.sources.parquet_dataset import is_parquet
from lpt.errors import DataError
from lpt.files.remote.remote_paths import is_remote, place

__all__ = ["anchored", "data_folder", "is_known_set", "list_path", "local_path", "shadow_note"]


def is_known_set(spec: DataSpec) -> bool:
    """Whether a specification means a known data set.

    A file or folder of that name wins, unless the specification has an option that only the known
    set has.
    """
    if spec.source not in DATASETS:
        return False
    options = DATASETS[spec.source].options
    return not path_exists(spec.source) or bool(set(spec.options).intersection(options))


def shadow_note(spec: DataSpec) -> tuple[str, ...]:
    """A note that a path is read, if a known data set has the same name."""
    if spec.source not in DATASETS or is_known_set(spec):
        return ()
    options = DATASETS[spec.source].options
    return (
        f"note      {spec.source} is the file or folder of that name here, not the known data set"
        + (f" (that is {spec.source}:{options[0]}=...)" if options else ""),
    )


def local_path(source: str) -> Path | None:
    """The path of a source of data on this machine; None for any other."""
    known = source in DATASETS and not path_exists(source)
    elsewhere = source.startswith(HUB_PREFIX) or is_remote(source)
    return None if known or elsewhere else Path(source).expanduser()


def list_path(spec: DataSpec) -> tuple[Path, tuple[str, ...]]:
    """The list that the option `list=` names: in the folder of the data, or else from here.

    Returns: the list, and a note if there is another list of that name here.
    Raises: DataError if there is no such list.
    """
    name, root = spec.options["list"], data_folder(spec.source)
    inside, here = root / name, Path(name)
    if is_remote(spec.source) or not path_exists(str(inside)):
        if not path_exists(str(here)):
            raise DataError(
                f"{spec.source}: list={name}: no such list in {root} or the current folder. "
                "Correct the path."
            )
        return here.expanduser(), ()
    if path_exists(str(here)) and here.expanduser().resolve() != inside.resolve():
        return inside, (f"note      list={name} is {inside}, not {here} of the current folder",)
    return inside, ()


def anchored(spec: str) -> str:
    """Make the local paths of a data specification absolute; those that do not exist stay.

    >>> anchored("digits"), anchored("no-such-folder")
    ('digits', 'no-such-folder')
    """
    parsed = parse_spec(spec)
    known, options = is_known_set(parsed), dict(parsed.options)
    source = parsed.source if known else _absolute(parsed.source)
    if "test" in options and not path_exists(str(data_folder(parsed.source) / options["test"])):
        options["test"] = _absolute(options["test"])
    if "list" in options and not path_exists(str(data_folder(parsed.source) / options["list"])):
        options["list"] = _absolute(options["list"])
    if known:
        for name in set(options).intersection(DATASETS[parsed.source].paths):
            options[name] = str(Path(options[name]).expanduser().absolute())
    listed = ",".join(f"{name}={value}" for name, value in options.items())
    text = f"{source}:{listed}" if options else source
    return text if _means(text, DataSpec(source, options)) else spec


def data_folder(source: str) -> Path:
    """The folder that the lists and test data of a source are looked for in first."""
    root = place(source)
    if is_remote(source):
        return root.parent if is_parquet(root) or is_shard(root) else root
    return root if root.is_dir() else root.parent


def _absolute(source: str) -> str:
    path = local_path(source)
    return source if path is None or not path_exists(str(path)) else str(path.absolute())


def _means(text: str, wanted: DataSpec) -> bool:
    """Whether a text parses as wanted: a colon or comma in a folder name can be misread."""
    try:
        return parse_spec(text) == wanted
    except DataError:
        return False
