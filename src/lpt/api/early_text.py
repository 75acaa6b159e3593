"""Settings of a classifier that starts at text, checked before torch is imported."""

from lpt.backbones.text.prompt_templates import templates_named
from lpt.config import RunConfig
from lpt.errors import ParameterError

__all__ = ["check_text"]


def check_text(config: RunConfig, *, init_from: bool) -> None:
    """Check that settings of text are used, and that the templates can be read.

    Args:
        config: of a new run.
        init_from: whether the run starts from a trained task, which has its own classes.
    Raises: ParameterError naming the setting that would be ignored, or the templates.
    """
    text = config.text
    if config.classifier.init == "text":
        if init_from:
            raise ParameterError(
                "`init_from`: the run takes its classes from that task, so `class_init` text would "
                "be ignored. Leave one of them out."
            )
        if config.feature == "class+patches":
            raise ParameterError(
                f"feature {config.feature}: text has no mean of patches, so `class_init` text "
                "needs feature own. Leave one of them out."
            )
        if text.templates is not None:
            templates_named(text.templates)
        return
    for name in ("templates", "class_names", "source"):
        if (value := getattr(text, name)) is not None:
            shown = f"`{name}`" if name != "source" else "text.source"
            raise ParameterError(
                f"{shown} {value}: is used with `class_init` text only. Give both, or neither."
            )
