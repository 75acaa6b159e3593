"""Every reader of JSON refuses what is nested too deeply, in one line and at once."""

import ast
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter

import lpt
from lpt.analysis.analysis_results import read_analysis
from lpt.backbones.config_json import read_description
from lpt.data.sources.data_string import parse_spec
from lpt.data.sources.known.inaturalist import INATURALIST_2018, read_inaturalist
from lpt.errors import LptError, RunError
from lpt.files.json_files import json_value, read_json
from lpt.files.made_here import is_marked
from lpt.logs.log_sink import RunFacts
from lpt.task.run_result import read_result
from lpt.training.run.run_records import read_environment, read_identity, read_metrics

SOURCES = Path(lpt.__file__).parent
DEPTH = 100_000
DEEP = ("[" * DEPTH, '{"a":' * DEPTH, "[" * DEPTH + "]" * DEPTH)
READERS: dict[str, Callable[[Path], object]] = {
    "results.json": lambda run: read_result(run),
    "metrics.jsonl": lambda run: read_metrics(run),
    "identity.json": lambda run: read_identity(run / "identity.json"),
    "environment.json": lambda run: read_environment(run / "environment.json"),
    "analysis.json": lambda run: read_analysis(run),
    "config.json": lambda run: read_description(run / "config.json"),
    "logs.json": lambda run: RunFacts(run, {}).recorded_id("mlflow"),
    "train2018.json": lambda run: read_inaturalist(
        INATURALIST_2018, parse_spec(f"inaturalist2018:root={run}")
    ),
}


@pytest.mark.parametrize("text", DEEP, ids=["lists", "objects", "closed"])
@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_nested_too_deeply_is_named(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    began = time.process_time()
    with pytest.raises(LptError, match=name.replace(".", r"\.")) as found:
        READERS[name](tmp_path)
    assert len(str(found.value)) < 1000
    assert time.process_time() - began < 1


@pytest.mark.parametrize("text", DEEP)
def test_marks_that_are_nested_too_deeply_mark_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "origin.json").write_text(text[: 2**15])
    assert not is_marked(tmp_path, "data", "x")


@pytest.mark.parametrize("text", [*DEEP, "", "nul", b"\xff", "9" * 5000, '{"a": 1,}', "1 2"])
def test_what_is_no_json_is_refused_by_both_readers(text: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(RunError) as found:
        json_value(text, RunError)
    assert len(str(found.value).splitlines()) <= 1
    (tmp_path / "x.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RunError, match=r"x\.json: cannot be read"):
        read_json(tmp_path / "x.json", TypeAdapter(dict[str, int]), remedy="")


# Modules that may read in other ways, and why.
OTHERS = {
    "files": "the readers themselves",
    "bench": "reads what it wrote",
    "reference": "reads fixtures whose hashes the tests know",
}
KNOWN = {
    ("backbones/preprocessing.py", "loads"): "a number in a checked text",
    ("data/sources/parquet_dataset.py", "loads"): "metadata that are left out if they are damaged",
    ("training/engine/view_cache.py", "loads"): "of its own text",
    ("studies/run_study.py", "loads"): "of its own text",
    ("export/hub/push_run.py", "loads"): "of its own text",
    ("serving/http/request_body.py", "loads"): "a body, refused with a status",
    ("config/recipes.py", "read_text"): "part of the package",
    ("studies/define/definition.py", "read_text"): "part of the package",
    ("analysis/report/page.py", "read_text"): "part of the package",
    ("serving/http/page/page_routes.py", "read_bytes"): "part of the package",
    ("review/review_server.py", "read_bytes"): "part of the package",
    ("training/engine/shared_step.py", "loads"): "from a process of the same run",
    ("training/engine/checkpoint.py", "loads"): "from a process of the same run",
    ("machine/group/process_group.py", "loads"): "from a process of the same run",
    ("machine/group/pulse.py", "loads"): "from a process of the same run",
    ("cli/predictions/shared/channel.py", "loads"): "from a process of the same command",
    ("api/early_names.py", "read_text"): "timm's sources",
    ("machine/processes.py", "read_bytes"): "the script that runs",
    ("machine/devices.py", "read_text"): "/proc",
    ("machine/free_memory.py", "read_text"): "/proc",
    ("sklearn/fit_in_memory.py", "read_bytes"): "its own temporary folder",
}


BUILT_IN = ("open", "load_file", "safe_open")


def _reads(tree: ast.AST) -> Iterator[str]:
    """Names of the calls that read a file or parse JSON without a limit."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if node.func.attr in ("read_text", "read_bytes", "memmap", "fromfile", "safe_open"):
                yield node.func.attr
            is_json = isinstance(owner, ast.Name) and owner.id == "json"
            if is_json and node.func.attr in ("loads", "load"):
                yield node.func.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in BUILT_IN:
            yield node.func.id


def test_no_module_reads_a_file_or_parses_json_without_limits() -> None:
    found = set()
    for file in sorted(SOURCES.rglob("*.py")):
        name = file.relative_to(SOURCES).as_posix()
        if name.partition("/")[0] not in OTHERS:
            found |= {(name, call) for call in _reads(ast.parse(file.read_text()))}
    assert found == KNOWN.keys()
