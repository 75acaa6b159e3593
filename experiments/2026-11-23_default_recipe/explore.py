"""Which rates, losses, starts and crops suit a small long-tailed set? The trials behind `default`.

    python experiments/2026-11-23_default_recipe/explore.py CALTECH101_FOLDER probe|phase1|phase2

Written before the training loop existed: batches are augmented as tensors (bilinear crops), so its
numbers are not those of `lpt train`. 1,207 training images of Caltech-101, 87 to 1 a class, and
1,000 test images; the embedded interim backbone at 64 px; AdamW, cosine schedule, one seed.
"""

import io
import json
import math
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow.parquet as pq
import torch
import torch.nn.functional as F
from lpt.classifier import CosineClassifier, class_means
from PIL import Image
from torch import Tensor, nn

from lpt.backbones import load_backbone
from lpt.data import balanced_order, instance_order
from lpt.losses import build_loss, draw_noise, instance_loss
from lpt.losses.objectives import PHASE2_RELEASED
from lpt.model import LongTailedPromptModel, Prefix, PromptShape

LARGEST, IMBALANCE, TESTED, VIEWS = 100, 100, 1000, 4
BACKBONE = load_backbone("vit_tiny_patch8_64")


def pixels(path: str) -> tuple[Tensor, np.ndarray]:
    table = pq.read_table(path)
    rows = []
    for value in table.column("image").to_pylist():
        data = value["bytes"] if isinstance(value, dict) else value
        image = (
            Image.open(io.BytesIO(data)).convert("RGB").resize((72, 72), Image.Resampling.BICUBIC)
        )
        rows.append(np.asarray(image))
    images = torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)
    return images, np.asarray(table.column("label").to_pylist())


def normalised(images: Tensor) -> Tensor:
    return (images.float() / 255 - 0.5) / 0.5


def whole(images: Tensor) -> Tensor:
    return normalised(F.interpolate(images.float(), size=64, mode="bilinear", antialias=True))


def cropped(images: Tensor, scale: tuple[float, float], g: torch.Generator) -> Tensor:
    n = len(images)
    area = torch.empty(n).uniform_(*scale, generator=g)
    ratio = torch.empty(n).uniform_(math.log(3 / 4), math.log(4 / 3), generator=g).exp()
    w, h = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = w * ((torch.rand(n, generator=g) < 0.5).float() * 2 - 1)
    theta[:, 1, 1] = h
    theta[:, 0, 2] = (torch.rand(n, generator=g) * 2 - 1) * (1 - w)
    theta[:, 1, 2] = (torch.rand(n, generator=g) * 2 - 1) * (1 - h)
    grid = F.affine_grid(theta, [n, 3, 64, 64], align_corners=False)
    return F.grid_sample(normalised(images), grid, align_corners=False, padding_mode="reflection")


class Data:
    def __init__(self, folder: str) -> None:
        train, labels = pixels(f"{folder}/train.parquet")
        test, test_labels = pixels(f"{folder}/test.parquet")
        rng = np.random.default_rng(0)
        classes = int(labels.max()) + 1
        kept: list[int] = []
        for rank, c in enumerate(rng.permutation(classes)):
            wanted = max(1, int(LARGEST * IMBALANCE ** (-rank / (classes - 1))))
            kept += list(rng.permutation(np.flatnonzero(labels == c))[:wanted])
        shown = rng.permutation(len(test))[:TESTED]
        self.images, self.labels = train[kept], torch.tensor(labels[kept])
        self.test, self.test_labels = whole(test[shown]), torch.tensor(test_labels[shown])
        self.counts = torch.bincount(self.labels, minlength=classes)
        self.whole = whole(self.images)


def encode(run: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([run(images[i : i + 128]) for i in range(0, len(images), 128)])


def report(data: Data, logits: Tensor, **settings: object) -> None:
    right = (logits.argmax(1) == data.test_labels).float()
    n = data.counts[data.test_labels]
    groups = {"overall": n >= 0, "medium": n >= 20, "few": n < 20}
    row = {name: round(100 * float(right[mask].mean()), 1) for name, mask in groups.items()}
    print(json.dumps({**settings, **row}), flush=True)


def orders(data: Data, kind: str, epoch: int, batch: int) -> list[Tensor]:
    labels = data.labels.numpy()
    if kind == "balanced":
        order = balanced_order(labels, seed=0, phase=0, epoch=epoch)
    else:
        order = instance_order(len(labels), seed=0, phase=0, epoch=epoch)
    return list(torch.from_numpy(order).split(batch))


def optimise(
    groups: Sequence[tuple[nn.Parameter, float]],
    epochs: int,
    steps: Callable[[int], list[Callable[[], Tensor]]],
) -> float:
    optimizer = torch.optim.AdamW(
        [{"params": [p], "lr": rate, "peak": rate} for p, rate in groups], weight_decay=0.0
    )
    began, done = time.monotonic(), 0
    for epoch in range(epochs):
        losses = steps(epoch)
        for loss in losses:
            share = min(1.0, (done + 1) / len(losses))
            share *= 0.5 * (1 + math.cos(math.pi * done / (epochs * len(losses))))
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * share
            optimizer.zero_grad()
            torch.autograd.backward(loss())
            optimizer.step()
            done += 1
    return round(time.monotonic() - began)


def probe(data: Data, loss_name: str, sampler: str, rate: float, epochs: int = 20) -> None:
    g = torch.Generator().manual_seed(0)
    views = [encode(BACKBONE, data.whole)]
    views += [encode(BACKBONE, cropped(data.images, (0.4, 1.0), g)) for _ in range(VIEWS)]
    loss = build_loss(loss_name, data.counts)
    classifier = CosineClassifier(len(data.counts), BACKBONE.width)
    means = class_means(torch.cat(views), data.labels.repeat(len(views)), len(data.counts))
    classifier.start_from(means)

    def steps(epoch: int) -> list[Callable[[], Tensor]]:
        def one(ids: Tensor) -> Tensor:
            logits = classifier(views[int(torch.randint(len(views), (1,), generator=g))][ids])
            return loss(logits, data.labels[ids], draw_noise(tuple(logits.shape))).mean()

        return [lambda ids=ids: one(ids) for ids in orders(data, sampler, epoch, 64)]

    optimise([(classifier.weight, rate)], epochs, steps)
    logits = encode(lambda x: classifier(BACKBONE(x)), data.test)
    report(data, logits, method="probe", loss=loss_name, sampler=sampler, rate=rate)


def phase1(
    data: Data,
    loss_name: str,
    sampler: str,
    rate: float,
    scale: tuple[float, float] = (0.85, 1.0),
    *,
    from_tokens: bool = False,
    epochs: int = 8,
    batch: int = 32,
) -> LongTailedPromptModel:
    torch.manual_seed(1)
    g = torch.Generator().manual_seed(2)
    model = LongTailedPromptModel(BACKBONE, len(data.counts), PromptShape())
    if from_tokens:
        start_from_tokens(model, data, g)
    features = encode(lambda x: model.phase1(x).query, data.whole)
    model.classifier.start_from(class_means(features, data.labels, len(data.counts)))
    loss = build_loss(loss_name, data.counts)

    def steps(epoch: int) -> list[Callable[[], Tensor]]:
        def one(ids: Tensor) -> Tensor:
            logits = model.phase1(cropped(data.images[ids], scale, g)).logits
            return loss(logits, data.labels[ids], draw_noise(tuple(logits.shape))).mean()

        return [lambda ids=ids: one(ids) for ids in orders(data, sampler, epoch, batch)]

    learning = [(model.shared.prompts, rate), (model.classifier.weight, 0.003)]
    seconds = optimise(learning, epochs, steps)
    facts = {"loss": loss_name, "sampler": sampler, "rate": rate, "scale": scale}
    logits = encode(lambda x: model.phase1(x).logits, data.test)
    report(data, logits, method="phase1", **facts, from_tokens=from_tokens, seconds=seconds)
    return model


def phase2(
    model: LongTailedPromptModel,
    data: Data,
    loss_name: str,
    *,
    from_shared: bool,
    epochs: int = 6,
    batch: int = 32,
) -> None:
    state = {name: value.clone() for name, value in model.state_dict().items()}
    g = torch.Generator().manual_seed(3)
    views = []
    for view in range(3):
        images = data.whole if view == 0 else cropped(data.images, (0.85, 1.0), g)
        parts = [model.prefix(part) for part in images.split(128)]
        views.append(
            [torch.cat([getattr(p, k) for p in parts]).detach() for k in ("tokens", "query")]
        )
    model.pool.start_keys(torch.cat([query for _, query in views]), seed=0)
    if from_shared:
        model.pool.start_prompts(model.shared.prompts[model.split :], seed=0)
    loss = build_loss(loss_name, data.counts)
    instance = instance_loss(loss, PHASE2_RELEASED)

    def steps(epoch: int) -> list[Callable[[], Tensor]]:
        eta = 0.5 * (epochs - epoch) / epochs

        def one(balanced: Tensor, other: Tensor) -> Tensor:
            ids = torch.cat([balanced, other])
            chosen = torch.randint(len(views), (len(ids),), generator=g).tolist()
            tokens = torch.stack([views[v][0][i] for v, i in zip(chosen, ids, strict=True)])
            query = torch.stack([views[v][1][i] for v, i in zip(chosen, ids, strict=True)])
            out = model.phase2(Prefix(tokens, query))
            assert out.match is not None
            total = torch.zeros(())
            for part, criterion, weight in ((balanced, loss, 1.0), (other, instance, eta)):
                rows = slice(0, len(balanced)) if part is balanced else slice(len(balanced), None)
                logits = out.logits[rows]
                noise = draw_noise(tuple(logits.shape))
                value = criterion(logits, data.labels[part], noise).mean()
                total = total + weight * (value + 1 - out.match.similarity[rows].mean())
            return total

        pairs = zip(
            orders(data, "balanced", epoch, batch),
            orders(data, "instance", epoch, batch),
            strict=True,
        )
        return [lambda a=a, b=b: one(a, b) for a, b in pairs]

    pool, weight = model.pool, model.classifier.weight
    seconds = optimise([(pool.prompts, 0.003), (pool.keys, 0.01), (weight, 0.001)], epochs, steps)
    logits = encode(lambda x: model(x).logits, data.test)
    facts = {"loss": loss_name, "from_shared": from_shared, "seconds": seconds}
    report(data, logits, method="phase2", **facts)
    model.load_state_dict(state)


@torch.no_grad()
def start_from_tokens(model: LongTailedPromptModel, data: Data, g: torch.Generator) -> None:
    tokens = BACKBONE.embed(data.whole[torch.randperm(len(data.whole), generator=g)[:64]])
    for block in range(BACKBONE.depth):
        patches = tokens[:, 1:].flatten(0, 1)
        chosen = torch.randperm(len(patches), generator=g)[: model.shape.length]
        model.shared.prompts[block] = patches[chosen]
        tokens = BACKBONE.run(tokens, [()], first=block)


def main(folder: str, what: str) -> None:
    data = Data(folder)
    if what == "probe":
        for name, sampler in (("ce", "balanced"), ("logit-adjustment", "instance")):
            for rate in (0.003, 0.01):
                probe(data, name, sampler, rate)
        probe(data, "agcl", "balanced", 0.003)
    elif what == "phase1":
        for rate in (0.001, 0.003):
            phase1(data, "ce", "balanced", rate)
        for rate in (0.003, 0.01):
            phase1(data, "ce", "balanced", rate, (0.4, 1.0))
        phase1(data, "ce", "balanced", 0.003, (0.4, 1.0), from_tokens=True)
        phase1(data, "agcl", "balanced", 0.003)
        phase1(data, "logit-adjustment", "instance", 0.003)
    else:
        model = phase1(data, "ce", "balanced", 0.003)
        for name, from_shared in (("ce", True), ("ce", False), ("agcl", True)):
            phase2(model, data, name, from_shared=from_shared)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
