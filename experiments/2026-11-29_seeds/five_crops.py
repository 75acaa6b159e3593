"""Five crops of each test image: scores of finished study runs, and paired differences.

    PYTHONPATH=. python five_crops.py DATA BACKBONE OUT.csv ROW=RUN_FOLDER ...

A run that was scored with `lpt study --tta` has its answers; a run of LPT without them is scored
from its task. Rows of one name are seeds of one method.
"""

import csv
import json
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

from lpt.config import load_config
from lpt.evaluation.bootstrap import paired_differences
from lpt.progress import SilentReporter
from lpt.studies.plan.study_data import StudyData
from lpt.studies.run.evaluate_run import predict_tta
from lpt.task_file import load_task


@torch.no_grad()
def main():
    source, backbone, out, *given = sys.argv[1:]
    config = load_config("default").changed({"data.source": source, "backbone": backbone})
    study = StudyData(config, SilentReporter(), device="cpu")
    context = study.context(config, "final", SilentReporter())
    labels = study.test.labels
    members = context.groups.members(context.counts.numpy())
    right, rows = defaultdict(dict), []
    for row, folder in (one.split("=", 1) for one in given):
        facts = json.loads(Path(folder, "result.json").read_text(encoding="utf-8"))["facts"]
        kept = load_file(Path(folder, "predictions.safetensors"))
        if "tta" not in kept:
            model, _ = load_task(Path(folder, "task.safetensors"), context.backbone, in_run=True)
            model.phases = 2 if facts["settings"]["phase 2 epochs"] else 1
            found = predict_tta(context, model.predict, study.test).logits.argmax(1)
        else:
            assert np.array_equal(kept["labels"], labels)
            found = kept["tta"]
        right[row][facts["seed"]] = found == labels
        scores = {"overall": 100 * (found == labels).mean()}
        for name, chosen in members.items():
            scores[name] = 100 * (found == labels)[np.isin(labels, chosen)].mean()
        one_view = 100 * (kept["chosen"] == kept["labels"]).mean()
        rows.append({"row": row, "seed": facts["seed"], "one view": f"{one_view:.2f}"})
        rows[-1] |= {name: f"{score:.2f}" for name, score in scores.items()}
        rows[-1]["right"] = np.packbits(found == labels).tobytes().hex()
        print({k: v for k, v in rows[-1].items() if k != "right"}, flush=True)
    with Path(out).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for one, other in combinations(right, 2):
        shared = sorted(right[one].keys() & right[other].keys())
        if not shared:
            continue
        pairs = [[right[row][seed] for seed in shared] for row in (one, other)]
        for name, d in paired_differences(*pairs, labels, members).items():
            if name in ("overall", "few"):
                said = f"{100 * d.mean:+.1f} ({100 * d.low:+.1f} to {100 * d.high:+.1f})"
                print(f"{one} minus {other}, seeds {shared}, {name}: {said}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
