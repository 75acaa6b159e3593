"""Facts about a run, a task file, an export or a task of the hub, read without backbone or data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpt.data.class_groups import ClassGroups
from lpt.errors import RunError
from lpt.escape import printable
from lpt.evaluation import COLUMNS, render_table
from lpt.progress import human_time, percent, plural
from lpt.task.path_kinds import HUB_PREFIX, is_exported, is_input_file
from lpt.task.run_result import Result, read_result
from lpt.task_spec import TaskSpec, read_spec
from lpt.training.run.run_files import RunFiles
from lpt.training.run.run_records import read_metrics

if TYPE_CHECKING:
    from lpt.task.exported.onnx_file import ExportRecord

__all__ = ["RunInfo", "read_info", "render_info"]


@dataclass(frozen=True)
class RunInfo:
    """What is known about a task.

    Attributes:
        path: run folder, task file, export or name on the hub, as given.
        finished: whether there is a task file.
        task: metadata of the task file; None if the run is not finished.
        file_bytes: size of the task file; None if there is none.
        settings: configuration of the run as nested sections; None for a task file on its own.
        result: record of the finished run; None for a task file on its own.
        history: the records of all epochs so far.
        export: how an exported graph was written; None for anything else. A graph that tasks share
            has the metadata of the first of them as `task`.
    """

    path: str
    finished: bool
    task: TaskSpec | None
    file_bytes: int | None
    settings: Mapping[str, Any] | None
    result: Result | None
    history: tuple[Mapping[str, Any], ...]
    export: "ExportRecord | None" = None

    def to_json(self) -> dict[str, Any]:
        """All attributes as plain JSON values."""
        return {
            "path": self.path,
            "finished": self.finished,
            "task": None if self.task is None else self.task.model_dump(mode="json"),
            "file_bytes": self.file_bytes,
            "settings": self.settings,
            "result": None if self.result is None else asdict(self.result),
            "history": list(self.history),
            "export": None if self.export is None else self.export.model_dump(mode="json"),
        }


def read_info(path: str | Path) -> RunInfo:
    """Read what a run folder, a task file, an export or a task of the hub records about itself.

    Args:
        path: as for `lpt.load`.
    Raises: TaskFileError or RunError naming the file that is missing or damaged; ConfigError for an
        .onnx file if onnx is not installed.
    """
    given = Path(path)
    if str(path).startswith(HUB_PREFIX):
        from lpt.task.hub.hub_files import fetch_task

        return _file_info(str(path), fetch_task(str(path)))
    if not given.is_dir():
        return _file_info(str(path), given)
    folder = RunFiles(given)
    finished = folder.task_file.is_file()
    if not folder.config_file.is_file():
        if not finished:
            raise RunError(f"{path}: holds neither a run nor a task file. Check the path.")
        return read_info(folder.task_file)
    return RunInfo(
        str(path),
        finished,
        read_spec(folder.task_file) if finished else None,
        folder.task_file.stat().st_size if finished else None,
        folder.read_config().model_dump(mode="json"),
        read_result(given),
        tuple(read_metrics(given)),
    )


def _file_info(name: str, file: Path) -> RunInfo:
    """Facts of a single file; `name` is how the user calls it."""
    record = None
    if not is_exported(file):
        spec = read_spec(file)
    elif is_input_file(file):
        from lpt.task.exported.input_file import read_inputs

        spec = read_inputs(file).spec
    else:
        from lpt.task.exported.onnx_file import read_onnx

        graph = read_onnx(file)
        spec, record = graph.spec, graph.record
    return RunInfo(name, True, spec, file.stat().st_size, None, None, (), record)


def render_info(info: RunInfo, *, classes: int = 20) -> str:
    """Render the facts as text.

    Args:
        classes: most classes to list: the most frequent and the rarest.
    """
    shared = info.export is not None and info.export.form == "shared"
    kind = "task" if info.finished else "unfinished run"
    lines = [f"{printable(info.path)}: {'graph that exported tasks share' if shared else kind}"]
    if info.task is not None:
        lines += _task_lines(info.task, info.file_bytes or 0)
    if info.export is not None:
        lines += _export_lines(info.export)
    if shared:
        return "\n".join(lines)
    if info.settings is not None:
        data = printable(str(info.settings["data"]["source"]))
        lines.append(f"data       {data}")
        lines.append(
            f"settings   recipe {printable(str(info.settings['recipe']))}, "
            f"seed {info.settings['seed']}; all of them in config.yaml"
        )
    if info.result is not None:
        lines.append(
            f"trained    {plural(info.result.parameters, 'parameter')} "
            f"({info.result.prompt_parameters:,} in prompts) in "
            f"{human_time(info.result.seconds)}"
        )
    if info.task is not None:
        lines += ["", *_scores(info.task), "", *_classes(info.task, classes)]
    if info.history:
        lines += ["", *_history(info.history)]
    return "\n".join(lines)


_READS_BOTH = ("reads      the features of both passes",)


def _task_lines(task: TaskSpec, size: int) -> list[str]:
    prompts = f"{task.prompt_length} per block in the first {plural(task.shared_blocks, 'block')}"
    if task.phases == 2:
        prompts = (
            f"{prompts}; {plural(task.pool_size, 'group')} in the others, {task.top_k} per image"
        )
    return [
        f"task file  {size / 1e6:.2f} MB, {plural(task.phases, 'phase')}",
        f"backbone   {printable(task.backbone.name)}, {task.backbone.image_size} px, "
        f"weights {task.backbone.sha256[:12]}",
        f"prompts    {prompts}",
        *(_READS_BOTH if task.reads_both else ()),
        *_adapters(task),
        *_matching(task),
        f"answers    softmax(cosine / {task.temperature:.3g})",
    ]


def _adapters(task: TaskSpec) -> list[str]:
    if not task.adapter_width:
        return []
    return [f"adapters   {plural(task.adapter_width, 'neuron')} beside the MLP of each block"]


def _matching(task: TaskSpec) -> list[str]:
    early = task.early
    if early is None:
        return []
    return [
        f"matching   {task.match}; the prompts of the query: early {percent(early.agreement)} %, "
        f"auto {percent(early.auto_agreement)} % of {plural(early.images, 'training image')}"
    ]


def _export_lines(record: "ExportRecord") -> list[str]:
    kind = "validation images" if record.real_images else "images of noise"
    lines = [
        f"export     ONNX, {record.dtype}",
        f"compared   with the task on {record.images:,} {kind}: logits within "
        f"{record.logit_error:.1e}, {record.same_classes:.2%} have the same class",
    ]
    if record.accuracy is not None and record.eager_accuracy is not None:
        lines.append(
            f"accuracy   {percent(record.accuracy)} %, of the task "
            f"{percent(record.eager_accuracy)} %, on these images"
        )
    return lines


def _scores(task: TaskSpec) -> list[str]:
    rows = [
        {"model": f"{phase} on {split}", **scores}
        for phase, splits in task.metrics.items()
        for split, scores in splits.items()
    ]
    if not rows:
        return ["no scores: there were no validation or test images"]
    columns = [column for column in COLUMNS if column.key not in ("params", "seconds")]
    groups = ClassGroups(task.many_above, task.few_below)
    return ["accuracy in %", render_table(rows, columns, groups=groups)]


def _classes(task: TaskSpec, most: int) -> list[str]:
    named = sorted(zip(task.class_counts, task.class_names, strict=True), key=lambda one: -one[0])
    title = f"{plural(len(named), 'class', 'classes')}, training images"
    if len(named) > most:
        title += f" (the {most - most // 2} most frequent and the {most // 2} rarest)"
        named = [*named[: most - most // 2], *named[len(named) - most // 2 :]]
    return [title, *(f"{count:>9,}  {printable(name)}" for count, name in named)]


def _history(records: tuple[Mapping[str, Any], ...]) -> list[str]:
    """The first, the best and the last epoch of each stage."""
    lines = ["epochs     (all of them in metrics.jsonl)"]
    for stage in dict.fromkeys(record["stage"] for record in records):
        own = [record for record in records if record["stage"] == stage]
        best = max(own, key=_macro)
        shown = {record["epoch"]: record for record in (own[0], best, own[-1])}
        for epoch, record in sorted(shown.items()):
            score = _score(record)
            lines.append(
                f"  {printable(stage)}  epoch {epoch + 1}/{record.get('epochs', '?')}  "
                f"loss {record.get('loss', float('nan')):.3f}"
                + ("" if score is None else f"  val macro {percent(score)}")
            )
    return lines


def _score(record: Mapping[str, Any]) -> float | None:
    score = (record.get("val") or {}).get("macro")
    return score if isinstance(score, int | float) else None


def _macro(record: Mapping[str, Any]) -> float:
    return _score(record) or 0.0
