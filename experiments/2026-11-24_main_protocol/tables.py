"""Write runs, summary, per_class and differences (CSV) from the predictions of this protocol.

    python tables.py CELLS

CELLS is the folder `cells` of this record at commit 6b46d05, the last one that has predictions.
`lpt study` compares rows of one command; these runs have learning rates of their own.
"""

import csv
import json
import sys
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

from lpt.data import ClassGroups
from lpt.studies.bootstrap import paired_differences

HERE = Path(__file__).parent
MEASURES = ("overall", "many", "medium", "few", "macro")
NAMES = {"lift": "LIFT", "full": "full fine-tuning", "vpt-deep": "VPT-deep, balanced"}
NAMES["linear-probe"] = "linear probe, balanced"


def settings(content: dict[str, Any]) -> dict[str, Any]:
    """Method, phases, loss of phase 2, learning rates and dropout of one run."""
    config = content["config"]
    found = {"phases": "", "phase2_loss": "", "phase2_lr": "", "phase2_classifier_lr": ""}
    if content["method"] != "lpt":
        lr = content["rival"]["rate"]
        found |= {"method": NAMES[content["method"]], "lr": lr, "classifier_lr": lr}
    else:
        first = config["phase1"]["optim"]
        recipe = "default" if first["name"] == "adamw" else "paper"
        classifier = first["classifier_rate"] or first["rate"]
        found |= {"method": f"LPT ({recipe})", "lr": first["rate"], "classifier_lr": classifier}
        found["phases"] = 1
        if config["phase2"]["epochs"]:
            loss, second = config["phase2"]["loss"], config["phase2"]["optim"]
            tau = "".join(f", tau {v:g}" for k, v in loss["options"].items() if k == "tau")
            found |= {"phases": 2, "phase2_loss": loss["name"] + tau, "phase2_lr": second["rate"]}
            found["phase2_classifier_lr"] = second["classifier_rate"] or second["rate"]
    rates = {k: float(f"{v:.4g}") for k, v in found.items() if k.endswith("lr") and v}
    return {**found, **rates, "dropout": config["classifier"]["dropout"]}


def row_name(own: dict[str, Any]) -> str:
    phases = {1: ", phase 1", 2: ", both phases"}.get(own["phases"], "")
    after = f", {own['phase2_loss']} {own['phase2_lr']:g}" if own["phase2_lr"] else ""
    dropout = f", dropout {own['dropout']:g}" if own["dropout"] else ""
    return f"{own['method']}{phases}, lr {own['lr']:g}{after}{dropout}"


def write(name: str, rows: list[dict[str, Any]]) -> None:
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        out = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def percent(scores: dict[str, float], prefix: str = "") -> dict[str, Any]:
    names = (*MEASURES, "top5")
    return {prefix + n: round(100 * scores[n], 2) if n in scores else "" for n in names}


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean and spread over seeds of every row that was scored on test images."""
    rows = []
    for name in dict.fromkeys(r["row"] for r in runs if r["scored"] == "test"):
        own = [r for r in runs if r["row"] == name and r["scored"] == "test"]
        row = {"row": name, "seeds": " ".join(str(r["seed"]) for r in own)}
        for measure in (*MEASURES, *("tta_" + m for m in MEASURES), "seconds"):
            values = [r[measure] for r in own]
            row[measure] = f"{mean(values):.2f}"
            row[f"{measure}_std"] = f"{stdev(values):.2f}" if len(values) > 1 else ""
        rows.append(row | {"parameters": own[0]["parameters"]})
    return rows


def main(cells: Path) -> None:
    runs, right, labels = [], {}, np.empty(0)
    for folder in sorted(cells.iterdir()):
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        content, machine = result["content"], result["environment"]
        own, found = settings(content), load_file(folder / "answers.safetensors")
        tested, precision = bool(result["ensembled"]), machine.get("precision", "float32")
        if tested:
            labels = found["labels"]
            for inference, key in (("one view", "chosen"), ("TTA", "ensembled")):
                rows = right.setdefault((row_name(own), inference), {})
                rows[content["seed"]] = found[key] == labels
        runs.append({
            "row": row_name(own), **own, "seed": content["seed"],
            "epochs": " + ".join(map(str, result["epochs"])),
            "scored": "test" if tested else "held out",
            "images": len(found["labels"]),
            **percent(result["scores"]), **percent(result["ensembled"], "tta_"),
            **{k: round(v, 4) for k, v in result["features"].items()},
            "parameters": result["parameters"], "seconds": round(result["seconds"], 1),
            "peak_mb": round(result["peak_memory_bytes"] / 1e6),
            "precision": precision,
            "cpu": "AVX512-BF16" if precision == "bf16" else "AVX2", "run": folder.name,
        })  # fmt: skip
    runs.sort(key=lambda r: (r["scored"] != "test", r["row"], r["seed"]))
    columns = dict.fromkeys(k for r in runs for k in r)
    write("runs.csv", [{k: r.get(k, "") for k in columns} for r in runs])
    write("summary.csv", summary(runs))
    with safe_open(next(cells.glob("*/task.safetensors")), "np") as file:
        spec = json.loads(file.metadata()["spec"])
    counts, named = (
        np.array(spec["class_counts"]),
        zip(spec["class_names"], spec["class_counts"], strict=True),
    )
    classes: list[dict[str, Any]] = [{"class": c, "training_images": n} for c, n in named]
    for (name, inference), seeds in sorted(right.items()):
        for seed, own_right in sorted(seeds.items()):
            for c, row in enumerate(classes):
                row[f"{name}, {inference}, seed {seed}"] = int(own_right[labels == c].sum())
    write("per_class.csv", classes)
    groups, rows = ClassGroups(100, 20).members(counts), []
    for inference in ("one view", "TTA"):
        names = sorted((n for n, i in right if i == inference), key=lambda n: ("LPT" not in n, n))
        for a, b in combinations(names, 2):
            one, other = right[a, inference], right[b, inference]
            seeds = sorted(one.keys() & other.keys())
            found = paired_differences(
                [one[s] for s in seeds], [other[s] for s in seeds], labels, groups
            )
            row = {"row": a, "minus": b, "seeds": " ".join(map(str, seeds))}
            row["inference"] = inference
            for name in MEASURES:
                d = found[name]
                row |= {f"{name}{k}": round(100 * v, 2) for k, v in
                        (("", d.mean), ("_low", d.low), ("_high", d.high))}  # fmt: skip
            rows.append(row)
    write("differences.csv", rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
