"""Export a trained task: one ONNX graph, a torch.export program, or one graph for many tasks."""

from typing import TYPE_CHECKING, Any

from lpt.lazy import find_name

if TYPE_CHECKING:
    from lpt.export.one_file import Exported, export_task
    from lpt.export.shared_folder import export_shared

__all__ = ["Exported", "export_shared", "export_task"]

_HOMES = {
    "Exported": "lpt.export.one_file",
    "export_shared": "lpt.export.shared_folder",
    "export_task": "lpt.export.one_file",
}


def __getattr__(name: str) -> Any:
    return find_name(__name__, _HOMES, name)
