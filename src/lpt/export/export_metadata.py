"""The metadata of an exported file."""

import json
from dataclasses import asdict

from lpt.export.onnx_options import Dtype, Form
from lpt.export.parity import Parity
from lpt.task import Task
from lpt.task.exported.onnx_file import ExportRecord, format_version
from lpt.task.hub.public_spec import public_spec
from lpt.task_spec import TaskSpec

__all__ = ["export_metadata", "exported_spec"]


def exported_spec(spec: TaskSpec) -> TaskSpec:
    """Return the public metadata of a task as a graph holds it: graphs match exactly."""
    return public_spec(spec).model_copy(update={"match": "exact", "early": None})


def export_metadata(
    task: Task, form: Form, dtype: Dtype, parity: Parity | None = None
) -> dict[str, str]:
    """Return the metadata of an export: for lpt, and for programs that do not know lpt.

    `class_names` is a JSON list in the order of the logits. `preprocessing` is a JSON object:
    resize to `resize` pixels by `resize_rule`, crop the centre to `size`, scale to [0, 1], subtract
    `mean` and divide by `std`.

    Args:
        task: the task.
        form: of the graph.
        dtype: of products with weights of the backbone.
        parity: how far it differs from the task; None while that is not known.
    """
    spec, backbone = exported_spec(task.spec), task.model.backbone
    record = ExportRecord(
        form=form,
        dtype=dtype,
        depth=backbone.depth,
        heads=backbone.heads,
        width=backbone.width,
        **({} if parity is None else asdict(parity)),
    )
    preprocessing = {
        "resize_rule": spec.resize_rule,
        "resize": spec.resize,
        "size": spec.backbone.image_size,
        "mean": spec.backbone.mean,
        "std": spec.backbone.std,
        "interpolation": spec.backbone.interpolation,
    }
    return {
        "lpt_export": format_version(spec),
        "spec": spec.model_dump_json(),
        "export": record.model_dump_json(),
        "class_names": json.dumps(spec.class_names, ensure_ascii=False),
        "preprocessing": json.dumps(preprocessing),
    }
