"""lpt export and lpt push: a task for other programs, and for other people."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lpt.cli.options import Backbone, Run, Threads
from lpt.cli.printing import say, say_json
from lpt.errors import ParameterError
from lpt.escape import printable
from lpt.machine.threads import use_threads

__all__ = ["export", "push"]


class _Format(StrEnum):
    ONNX = "onnx"
    TORCH = "torch"


class _Dtype(StrEnum):
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"


def export(
    run: Run,
    format: Annotated[
        _Format,
        typer.Option(help="onnx for ONNX Runtime and others, torch for a torch.export program."),
    ] = _Format.ONNX,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file.", show_default="RUN/export/NAME.onnx or .pt2"),
    ] = None,
    dtype: Annotated[
        _Dtype,
        typer.Option(
            help="Of products with weights of the backbone: float32; float16 for GPUs; int8 is "
            "faster on CPUs and less exact."
        ),
    ] = _Dtype.FLOAT32,
    opset: Annotated[
        int | None,
        typer.Option(min=17, max=23, help="Version of the ONNX operators.", show_default="17"),
    ] = None,
    shared: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Write the graph of the backbone to this folder once, and the task as a small "
            "file beside it.",
            show_default="none",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    threads: Threads = None,
    backbone: Backbone = None,
) -> None:
    """Write a task as one ONNX or torch.export file: backbone, both passes, probabilities.

    The file is compared with the task before it gets its name. lpt predict, lpt evaluate and lpt
    bench take an ONNX file in place of a run.
    """
    use_threads(threads)
    if shared is not None and (out is not None or format is not _Format.ONNX):
        raise ParameterError("`shared`: takes neither `out` nor `format` torch. Leave them out.")
    from dataclasses import asdict

    from lpt.export import export_shared, export_task
    from lpt.files.regular_files import size_text
    from lpt.reporters import reporter_for

    done = (
        export_task(
            run,
            out,
            format=format.value,
            dtype=dtype.value,
            opset=opset,
            backbone=backbone,
            reporter=reporter_for(),
        )
        if shared is None
        else export_shared(
            run,
            shared,
            dtype=dtype.value,
            opset=opset,
            backbone=backbone,
            reporter=reporter_for(),
        )
    )
    parity = done.parity
    if as_json:
        say_json({"path": str(done.path), "bytes": done.size, "parity": asdict(parity)})
        return
    kind = "validation images" if parity.real_images else "images of noise"
    say(f"file      {printable(str(done.path))} ({size_text(done.size)})")
    say(
        f"compared  on {parity.images:,} {kind}: logits within {parity.logit_error:.1e}, "
        f"{parity.same_classes:.2%} have the same class"
    )
    if parity.accuracy is not None and parity.eager_accuracy is not None:
        say(f"accuracy  {parity.accuracy:.2%}, of the task {parity.eager_accuracy:.2%}")


def push(
    run: Run,
    repository: Annotated[str, typer.Argument(metavar="USER/NAME", help="Repository on the hub.")],
    private: Annotated[
        bool, typer.Option("--private", help="Make a new repository private.")
    ] = False,
    license: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Licence of the task by its name on the hub, such as apache-2.0.",
            show_default="none stated",
        ),
    ] = None,
    message: Annotated[
        str | None, typer.Option(help="Commit message.", show_default="names the task")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish a task on the Hugging Face hub, with a model card that says how rare classes do.

    Log in first: hf auth login. The backbone and the images are not published; the names of the
    classes are. Others load the task with lpt.load("hf:USER/NAME").
    """
    from lpt.export.hub.push_run import push_run

    done = push_run(run, repository, private=private, license=license, message=message)
    if as_json:
        say_json({"repository": done.repository, "revision": done.revision, "url": done.url})
        return
    say(f"published {printable(done.url)}")
    say(f'load      lpt.load("hf:{done.repository}@{done.revision[:7]}")')
