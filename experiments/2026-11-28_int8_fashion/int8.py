"""Accuracy and speed of the exports of a run: python int8.py RUN DATA OUT.

Writes OUT/accuracy.csv (test images of DATA, among all classes of the task) and OUT/speed.csv.
"""

import csv
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

import lpt

DTYPES = ("float32", "float16", "int8")
ROUNDS = 15


def main(run: Path, data: str, out: Path) -> None:
    torch.set_num_threads(1)
    tasks = {"lpt": lpt.load(run, device="cpu")}
    for dtype in DTYPES:
        mark = "" if dtype == "float32" else f"-{dtype}"
        tasks[dtype] = lpt.load(run / "export" / f"{run.name}{mark}.onnx")
    write(out / "speed.csv", speed(tasks))
    write(out / "accuracy.csv", accuracy({name: tasks[name] for name in ("float32", "int8")}, data))


def accuracy(tasks: dict[str, lpt.Task], data: str) -> list[dict[str, object]]:
    """Accuracy by shot group, and images that only one of two exports classifies correctly."""
    task = tasks["float32"]
    opened = lpt.open_data(data)
    assert opened.class_names == task.class_names
    split = opened.splits["test"]
    counts = np.array(task.spec.class_counts)[split.labels]
    groups = {
        "overall": counts >= 0,
        "many": counts > 100,
        "medium": (counts >= 20) & (counts <= 100),
        "few": counts < 20,
    }
    right = {name: one.run(split).logits.argmax(1) == split.labels for name, one in tasks.items()}
    one, other = right["float32"], right["int8"]
    return [
        {
            "images": name,
            "number": int(chosen.sum()),
            "float32": round(100 * float(one[chosen].mean()), 2),
            "int8": round(100 * float(other[chosen].mean()), 2),
            "right in float32 only": int((one & ~other)[chosen].sum()),
            "right in int8 only": int((other & ~one)[chosen].sum()),
        }
        for name, chosen in groups.items()
    ]


def speed(tasks: dict[str, lpt.Task]) -> list[dict[str, object]]:
    """Median over rounds of the ratio of processor times within a round."""
    side = tasks["lpt"].spec.backbone.image_size
    works = {
        name: one.model.predict if name == "lpt" else one.onnx.predict
        for name, one in tasks.items()
        if name != "float16"  # CPUs compute it in float32
    }
    rows: list[dict[str, object]] = []
    for batch in (1, 8):
        images = torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(0))
        seconds: dict[str, list[float]] = {name: [] for name in works}
        with torch.inference_mode():
            for number in range(ROUNDS + 1):
                for name, work in works.items():
                    began = time.process_time()
                    work(images)
                    if number:  # the first round warms up
                        seconds[name].append(time.process_time() - began)

        def ratio(one: str, other: str, taken: dict[str, list[float]] = seconds) -> float:
            pairs = zip(taken[one], taken[other], strict=True)
            return round(statistics.median(a / b for a, b in pairs), 2)

        rows.append(
            {
                "batch": batch,
                "float32 over lpt": ratio("lpt", "float32"),
                "int8 over float32": ratio("float32", "int8"),
                "int8 over lpt": ratio("lpt", "int8"),
                "ms per image of lpt": round(1e3 * statistics.median(seconds["lpt"]) / batch, 1),
            }
        )
    return rows


def write(path: Path, rows: list[dict[str, object]]) -> None:
    print(path, rows, flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
