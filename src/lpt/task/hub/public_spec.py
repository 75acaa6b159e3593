"""The metadata of a task for files that leave this machine."""

from pathlib import Path

from lpt.backbones.names import Kind, kind_of_name
from lpt.task_spec import TaskSpec

__all__ = ["public_spec"]


def public_spec(spec: TaskSpec) -> TaskSpec:
    """Return the metadata without folders of this machine, and without the history of the task.

    A local backbone keeps its file name. The hash of the weights still identifies it, and who loads
    the task names the file. The history names classes that the task no longer has.
    """
    spec = spec.model_copy(update={"history": ()})
    name = spec.backbone.name
    drawn = name.removeprefix("random:")
    prefix, kind = name[: len(name) - len(drawn)], kind_of_name(drawn)
    if kind is Kind.NAMED_FILE:
        architecture, _, file = drawn.partition("@")
        public = f"{architecture}@{Path(file).name}"
    elif kind in (Kind.FILE, Kind.FOLDER):
        public = Path(drawn).name or drawn
    else:
        return spec
    backbone = spec.backbone.model_copy(update={"name": prefix + public})
    return spec.model_copy(update={"backbone": backbone})
