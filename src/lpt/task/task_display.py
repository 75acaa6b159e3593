"""Tasks and results of runs in notebooks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lpt.escape import printable
from lpt.evaluation.metric_display import accuracy_html, accuracy_plot, data_frame

if TYPE_CHECKING:
    from lpt.task_file import TaskSpec

__all__ = ["ResultDisplay", "TaskDisplay"]

Metrics = Mapping[str, Mapping[str, Mapping[str, float | None]]]


class ResultDisplay:
    """Rich display of `lpt.task.Result`."""

    metrics: Metrics

    def _repr_html_(self) -> str:
        return accuracy_html(_rows(self.metrics))

    def plot(self) -> Any:
        """Draw the accuracies: matplotlib's Axes if it is installed, else a `Drawing` (SVG)."""
        return accuracy_plot(_rows(self.metrics))

    def to_pandas(self) -> Any:
        """Return a data frame: a row per phase and split, a column per metric.

        Raises: LptError if pandas is not installed.
        """
        return data_frame(
            [
                {"phase": phase, "split": split, **scores}
                for phase, splits in self.metrics.items()
                for split, scores in splits.items()
            ]
        )


class TaskDisplay:
    """Rich display of `lpt.Task`."""

    spec: "TaskSpec"

    def _repr_html_(self) -> str:
        from markupsafe import Markup

        spec, counts = self.spec, self.spec.class_counts
        facts = {
            "task": printable(spec.name),
            "classes": f"{len(spec.class_names):,}",
            "training images per class": f"{max(counts):,} to {min(counts):,}",
            "backbone": f"{printable(spec.backbone.name)}, {spec.backbone.image_size} px",
        }
        rows = Markup("").join(
            Markup("<tr><th>{}</th><td>{}</td></tr>").format(*fact) for fact in facts.items()
        )
        html = str(Markup("<table><tbody>{}</tbody></table>").format(rows))
        return html + (accuracy_html(_rows(spec.metrics)) if spec.metrics else "")


def _rows(metrics: Metrics) -> dict[str, Mapping[str, float | None]]:
    return {
        f"{phase} on {split}": scores
        for phase, splits in metrics.items()
        for split, scores in splits.items()
    }
