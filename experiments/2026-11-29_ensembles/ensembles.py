"""Several answers for each image: without prompts, of several phases 1, and of soups of phase 2.

    PYTHONPATH=. python ensembles.py DATA BACKBONE OUT.csv ONE=RUN,RUN,... TWO=RUN,RUN,...

ONE are runs of phase 1 with different seeds, TWO runs of both phases that continue from the first
of them with different samplers (folders of `lpt study`, OUT/runs/KEY). Rows: each run; the mean
cosines of several; the frozen features with a classifier trained on whole images, alone and with a
run; the mean weights of phase 2 (a soup), also with a classifier trained again.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from lpt.config import load_config
from lpt.escape import csv_text
from lpt.files.atomic_files import write_text
from lpt.losses.functional import logit_adjustment
from lpt.model.classifier import class_means
from lpt.progress import SilentReporter
from lpt.records import Output
from lpt.studies.plan.study_data import StudyData
from lpt.studies.run.evaluate_run import observe
from lpt.task_file import load_task

STEPS, RATE = 300, 0.02


def unit(values):
    return F.normalize(torch.as_tensor(values), dim=1)


def trained(weight, features, labels, counts):
    """Class directions after full-batch SGD from `weight`, with logit adjustment."""
    bank, weight = unit(features).clone(), weight.clone().requires_grad_()
    optimiser = torch.optim.SGD([weight], lr=RATE, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    with torch.enable_grad():
        for _ in range(STEPS):
            optimiser.zero_grad()
            logit_adjustment(bank @ unit(weight).T, labels, counts).mean().backward()
            optimiser.step()
            schedule.step()
    return unit(weight.detach())


@torch.no_grad()
def main():
    source, backbone, out, *given = sys.argv[1:]
    config = load_config("default").changed({"data.source": source, "backbone": backbone})
    study = StudyData(config, SilentReporter(), device="cpu")
    context = study.context(config, "final", SilentReporter())
    labels, counts = study.test.labels, context.counts
    train_labels = torch.as_tensor(context.train_split.labels)
    few, rows = counts.numpy()[labels] < 20, []

    def row(name, cosines):
        right = np.asarray(cosines).argmax(1) == labels
        scores = {"overall": 100 * right.mean(), "few": 100 * right[few].mean()}
        rows.append({"row": name, **{k: f"{v:.2f}" for k, v in scores.items()}})
        print(rows[-1], flush=True)
        return cosines

    def answers(predict, name):
        return observe(context, predict, study.test, name)

    def again(predict):
        """Cosines with a classifier trained on the whole training images."""
        bank = observe(context, predict, context.train_split, "training images").features
        weight = class_means(torch.as_tensor(bank), train_labels, len(counts))
        weight = trained(unit(weight), bank, train_labels, counts)
        return (unit(answers(predict, "test").features) @ weight.T).numpy()

    runs = dict(one.split("=", 1) for one in given)
    found = {}
    for kind, phases in (("ONE", 1), ("TWO", 2)):
        models = []
        for run in runs[kind].split(","):
            file = Path(run) / "task.safetensors"
            model, _ = load_task(file, context.backbone, in_run=True)
            model.phases = phases
            models.append(model)
        found[kind] = [answers(model.predict, kind).predictions.logits for model in models]
        for number, cosines in enumerate(found[kind]):
            row(f"{kind}, run {number}", cosines)
        row(f"{kind}, mean of {len(models)}", np.mean(found[kind], axis=0))
        last = models

    def frozen(images):
        vit, model = context.backbone, last[0]
        tokens = vit.run(vit.embed(images), [()] * model.split)
        feature = vit.finish(tokens, [()] * (vit.depth - model.split))
        return Output(model.classifier(feature), feature, feature)

    plain = row("frozen", again(frozen))
    for kind, cosines in found.items():
        row(f"mean of frozen and {kind}, run 0", (plain + cosines[0]) / 2)
    soup = last[0]
    for part in ("pool", "classifier"):
        states = [getattr(model, part).state_dict() for model in last]
        mean = {key: torch.stack([state[key] for state in states]).mean(0) for key in states[0]}
        getattr(soup, part).load_state_dict(mean)
    row("soup", answers(soup.predict, "soup").predictions.logits)
    row("soup, classifier trained again", again(soup.predict))
    write_text(Path(out), csv_text(rows))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
