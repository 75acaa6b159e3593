"""The model card of a task: metadata for the hub, and text for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from lpt.backbones.names import Kind, kind_of_name
from lpt.escape import markdown_text
from lpt.evaluation.metric_tables import Column, render_table
from lpt.progress import SUMMARY_METRICS
from lpt.task_spec import TaskSpec

__all__ = ["DataFacts", "base_model", "model_card"]

SHOWN_CLASSES = 20
_MEANING = {
    "overall": "all test images",
    "many": "classes with many training images",
    "medium": "classes in between",
    "few": "classes with few training images",
    "macro": "mean over classes",
}


@dataclass(frozen=True)
class DataFacts:
    """The data of a run.

    Attributes:
        name: its name; of a local folder or file, the last part of the path. "" if not known.
        hub_name: its name on the hub; None for other data.
        test_images: number of test images; None if the data is not at hand.
    """

    name: str = ""
    hub_name: str | None = None
    test_images: int | None = None


def base_model(spec: TaskSpec) -> str | None:
    """Return the repository of the backbone on the hub; None if it has none.

    timm publishes the weights of ARCHITECTURE.TAG as timm/ARCHITECTURE.TAG.
    """
    name = spec.backbone.name
    match kind_of_name(name):
        case Kind.HUB:
            return name.removeprefix("hf-hub:").partition("@")[0]
        case Kind.TIMM if "." in name:
            return f"timm/{name}"
        case _:
            return None


def model_card(
    spec: TaskSpec,
    repository: str,
    data: DataFacts,
    *,
    license: str | None = None,
) -> str:
    """Return README.md of a repository: metadata as YAML, then text.

    Args:
        spec: metadata of the task, without folders of this machine.
        repository: USER/NAME.
        data: what may be said about the data.
        license: name of the licence on the hub; None if none is stated.
    """
    fields: dict[str, Any] = {
        "library_name": "lpt",
        "pipeline_tag": "image-classification",
        "tags": ["long-tailed-recognition", "prompt-tuning", "vision-transformer"],
    }
    if license is not None:
        fields["license"] = license
    base = base_model(spec)
    if base is not None:
        fields |= {"base_model": base, "base_model_relation": "adapter"}
    if data.hub_name is not None:
        fields["datasets"] = [data.hub_name]
    scores = _scores(spec)
    if scores:
        fields["model-index"] = [_index(spec, data, scores)]
    head = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    learned, held = "prompts", "prompts and the classifier"
    if spec.adapter_width:
        learned, held = "prompts and adapters", "prompts, the adapters and the classifier"
    parts = [
        f"# {markdown_text(spec.name)}",
        f"A classifier of {len(spec.class_names):,} classes of images: {learned} for a frozen "
        "Vision Transformer, trained for long-tailed data with "
        "[lpt](https://github.com/lpt-project/lpt) (LPT, ICLR 2023). This repository holds the "
        f"{held}, not the backbone.",
        _use(repository),
        _data(spec, data),
        _results(spec, data, scores),
        _calibration(spec),
        _limits(spec, license),
    ]
    return f"---\n{head}---\n\n" + "\n\n".join(parts) + "\n"


def _scores(spec: TaskSpec) -> Mapping[str, float]:
    found = spec.metrics.get(f"phase{spec.phases}", {}).get("test", {})
    known = ((name, found.get(name)) for name in SUMMARY_METRICS)
    return {name: value for name, value in known if value is not None}


def _index(spec: TaskSpec, data: DataFacts, scores: Mapping[str, float]) -> dict[str, Any]:
    size = {} if data.test_images is None else {"args": {"test_images": data.test_images}}
    dataset = {
        "type": data.hub_name or "image-classification",
        "name": data.name or "unnamed",
        "split": "test",
        **size,
    }
    metrics = [
        {"type": "accuracy", "name": f"accuracy, {name}: {_MEANING[name]}", "value": value}
        for name, value in scores.items()
    ]
    task = {"type": "image-classification", "name": "Image classification"}
    results = [{"task": task, "dataset": dataset, "metrics": metrics}]
    return {"name": spec.name, "results": results}


def _use(repository: str) -> str:
    return (
        "## Use\n\n```python\nimport lpt\n\n"
        f'task = lpt.load("hf:{repository}")\nprint(task.predict("photo.jpg")[0])\n```\n\n'
        f"Or on the command line: `lpt predict hf:{repository} photo.jpg`. A backbone that is not "
        "on the machine is fetched only if you name it (`--backbone`)."
    )


def _data(spec: TaskSpec, data: DataFacts) -> str:
    counts = np.asarray(spec.class_counts)
    many, few = int((counts > spec.many_above).sum()), int((counts < spec.few_below).sum())
    order = np.argsort(counts, kind="stable")[:SHOWN_CLASSES]
    rarest = ", ".join(f"{markdown_text(spec.class_names[i])} ({counts[i]:,})" for i in order)
    named = f"`{data.name}`. " if data.name and "`" not in data.name else ""
    rest = "" if len(counts) <= SHOWN_CLASSES else f"The {SHOWN_CLASSES} rarest of them: "
    return (
        f"## Data\n\n{named}{int(counts.sum()):,} training images; the largest class has "
        f"{int(counts.max()):,}, the smallest {int(counts.min()):,}. {many:,} classes have many "
        f"(more than {spec.many_above}), {few:,} few (fewer than {spec.few_below}).\n\n"
        f"{rest or 'Training images per class: '}{rarest}."
    )


def _results(spec: TaskSpec, data: DataFacts, scores: Mapping[str, float]) -> str:
    if not scores:
        return "## Results\n\nNo results on test images are recorded."
    images = (
        "The number of test images is not recorded"
        if data.test_images is None
        else f"Measured on {data.test_images:,} test images"
    )
    columns = [Column("model", "accuracy, %", "text"), *(Column(n, n) for n in scores)]
    table = render_table([{"model": spec.name, **scores}], columns, style="markdown")
    few = scores.get("few")
    rare = (
        "There are no test images of rare classes."
        if few is None
        else f"Rare classes: {few:.1%}, against {scores['overall']:.1%} overall."
        if "overall" in scores
        else f"Rare classes: {few:.1%}."
    )
    return f"## Results\n\n{images}. {rare}\n\n{table}"


def _calibration(spec: TaskSpec) -> str:
    measured = "val" in spec.metrics.get(f"phase{spec.phases}", {})
    origin = (
        "The temperature was calibrated on validation images, most of which are of frequent "
        "classes; probabilities of rare classes are less certain."
        if measured
        else "There were no validation images, so probabilities are not calibrated."
    )
    return f"## Calibration\n\nProbabilities are softmax(cosine / {spec.temperature:.4g}). {origin}"


def _limits(spec: TaskSpec, license: str | None) -> str:
    stated = (
        "No licence of the task is stated."
        if license is None
        else f"Licence of the task: {markdown_text(license)}."
    )
    return (
        "## Limits\n\n"
        "- An image of none of these classes still gets one of them.\n"
        "- Results hold for images like those of the data; other sources lower them, most of all "
        "for rare classes.\n"
        "- A trained task can reveal something about its training images.\n\n"
        f"## Licence\n\n{stated} The backbone ({markdown_text(spec.backbone.name)}) and the data "
        "have licences of their own."
    )
