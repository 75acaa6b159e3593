"""Scores of finished study runs, and paired differences pooled over seeds.

    python pool.py runs.csv DATA [LABEL=OUT ...]

Adds the finished runs of study folders OUT to the table under a label (the backbone), then prints
means over seeds and paired differences. The column `right` holds one bit for each test image, in
the order of DATA, as hexadecimal digits: intervals can be computed again with seeds trained later.
"""

import csv
import json
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from safetensors.numpy import load_file

import lpt
from lpt.data.class_groups import ClassGroups
from lpt.evaluation.bootstrap import paired_differences

SCORES = ("overall", "many", "medium", "few", "macro")


def row_name(facts):
    """LPT by its last phase and what its settings change, baselines by method."""
    settings = facts["settings"]
    if facts["method"] != "lpt":
        baseline, grows = facts.get("baseline") or {}, bool(settings.get("crop growth"))
        options = baseline.get("options", {})
        name = facts["method"] + ("+" if grows else "")
        name = " ".join([name, *(f"{k}={v}" for k, v in options.items() if v)])
        return name if grows or baseline["epochs"] == 10 else f"{name}, {baseline['epochs']} epochs"
    epochs = "" if settings["phase 1 epochs"] == 10 else f", {settings['phase 1 epochs']} epochs"
    if not settings["phase 2 epochs"]:
        return f"phase 1{epochs}"
    loss = settings.get("phase 2 loss")
    return f"both phases{epochs}, {loss}" if loss else f"both phases{epochs}"


def finished(label, folder):
    """Rows of the finished runs of a study folder."""
    for file in sorted(Path(folder).glob("runs/*/result.json")):
        result = json.loads(file.read_text(encoding="utf-8"))
        facts, scores = result["facts"], result["scores"]
        if facts["part"] != "final" or not file.with_name("predictions.safetensors").is_file():
            continue
        found = load_file(file.with_name("predictions.safetensors"))
        yield {
            "backbone": label,
            "row": row_name(facts),
            "seed": facts["seed"],
            **{k: "" if scores[k] is None else round(100 * scores[k], 2) for k in SCORES},
            "seconds": round(result["seconds"]),
            "right": np.packbits(found["chosen"] == found["labels"]).tobytes().hex(),
        }


def main():
    table, data = Path(sys.argv[1]), lpt.open_data(sys.argv[2], val_fraction=0)
    labels = data.split("test").labels
    members = ClassGroups().members(data.counts())
    rows = list(csv.DictReader(table.open(encoding="utf-8"))) if table.is_file() else []
    kept = {(r["backbone"], r["row"], int(r["seed"])): r for r in rows}
    for given in sys.argv[3:]:
        label, _, folder = given.partition("=")
        kept |= {(r["backbone"], r["row"], r["seed"]): r for r in finished(label, folder)}
    rows = [kept[key] for key in sorted(kept)]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    found = defaultdict(dict)
    for (backbone, row, seed), one in kept.items():
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(one["right"]), np.uint8))
        found[backbone, row][seed] = bits[: len(labels)].astype(bool)
        for name, chosen in {"overall": range(len(data.class_names)), **members}.items():
            right = found[backbone, row][seed][np.isin(labels, chosen)]
            if not right.size:  # no class of this group
                continue
            assert abs(100 * right.mean() - float(one[name])) < 0.01, name
    for (backbone, row), seeds in found.items():
        lines = [kept[backbone, row, seed] for seed in seeds]
        values = {k: [float(one[k]) for one in lines if one[k] != ""] for k in (*SCORES, "seconds")}
        spread = f" ± {stdev(values['overall']):.2f}" if len(lines) > 1 else ""
        said = ", ".join(f"{k} {mean(v):.1f}" for k, v in values.items() if v)
        print(f"{backbone}: {row}: seeds {sorted(seeds)}: {said}{spread}")
    for one, other in combinations(found, 2):
        shared = sorted(found[one].keys() & found[other].keys())
        if one[0] != other[0] or not shared:
            continue
        pairs = [[found[key][seed] for seed in shared] for key in (one, other)]
        differences = paired_differences(*pairs, labels, members)
        said = ", ".join(
            f"{name} {100 * d.mean:+.1f} ({100 * d.low:+.1f} to {100 * d.high:+.1f})"
            for name, d in differences.items()
            if name in ("overall", "few")
        )
        print(f"{one[0]}: {one[1]} minus {other[1]}, {len(shared)} seeds: {said}")


if __name__ == "__main__":
    main()
