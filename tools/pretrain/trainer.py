"""The run: steps, checkpoints, metrics; resumes where it stopped."""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from lpt.data.sampling import random_stream
from lpt.errors import ConfigError, TrainingError
from lpt.files.atomic_files import write_atomic

from .images import Images, Mixed, augment, normalise
from .muon import make_optimizers
from .network import make_network
from .recipe import Recipe, Stage, trapezoid

__all__ = ["Trainer"]

CHECKPOINT_SECONDS = 120.0
LINE_SECONDS = 20.0


class Trainer:
    """Pretraining of one network.

    Every random choice is a function of (seed, step), so a run that was killed ends, on the same
    machine with the same threads, with the weights that it would have had.
    """

    def __init__(
        self, recipe: Recipe, train: Images, held: Images, out: Path, accelerator: Accelerator
    ) -> None:
        self.recipe, self.out, self.accelerator = recipe, out, accelerator
        self.device = accelerator.device
        self.train, self.held = train.to(self.device), held.to(self.device)
        self.bf16 = accelerator.mixed_precision == "bf16"
        classes = int(train.labels.max()) + 1
        network = make_network(classes, drop_path=recipe.drop_path, seed=recipe.seed)
        for block in network.blocks:  # torch's fused attention is slow in bf16 on CPUs: 43 ms to 8
            block.attn.fused_attn = self.device.type == "cuda"
        self.network: VisionTransformer = network.to(self.device)
        self.average = {k: v.detach().clone() for k, v in self.network.named_parameters()}
        self.compiled: Any = self.network
        if self.device.type == "cuda":
            self.compiled = torch.compile(self.network)
        self.optimizers = make_optimizers(
            self.network,
            matrix_rate=recipe.matrix_rate,
            rate=recipe.rate,
            weight_decay=recipe.weight_decay,
            precision=torch.bfloat16 if self.bf16 else torch.float32,
        )
        self.peaks = [[g["lr"] for g in o.param_groups] for o in self.optimizers]
        self.step, self.seconds = 0, 0.0

    def run(self) -> VisionTransformer:
        """Train to the end, from the last checkpoint if there is one; the averaged network."""
        self.out.mkdir(parents=True, exist_ok=True)
        self._resume()
        plan = self._plan()
        began = time.monotonic() - self.seconds
        saved = said = time.monotonic()
        first, losses, images = self.step, [], 0
        for self.step in range(first, len(plan)):
            stage = plan[self.step]
            losses.append(self._train_step(stage, len(plan)))
            images += self.recipe.batch
            now = time.monotonic()
            last = self.step + 1 == len(plan)
            ends = last or plan[self.step + 1] is not stage
            self.seconds = now - began
            if now - said > LINE_SECONDS or ends:
                loss = float(torch.stack(losses).mean())
                if not math.isfinite(loss):
                    raise TrainingError(f"step {self.step}: the loss is {loss}. Lower the rates.")
                self._log(plan, stage, loss, images / max(now - said, 1e-9), ends)
                said, losses, images = time.monotonic(), [], 0
            if now - saved > CHECKPOINT_SECONDS or ends:
                self._save()
                saved = time.monotonic()
        with torch.no_grad():
            for name, parameter in self.network.named_parameters():
                parameter.copy_(self.average[name])
        return self.network

    def accuracy(self, image_size: int, averaged: bool = True) -> float:
        """Top-1 on the held-out images."""
        state = {k: v.detach().clone() for k, v in self.network.named_parameters()}
        if averaged:
            self.network.load_state_dict(self.average, strict=False)
        self.network.eval()
        right = 0
        for rows in torch.arange(len(self.held), device=self.device).split(250):
            batch = self.held.take(rows)
            with torch.inference_mode(), self.accelerator.autocast():
                scores = self.network(normalise(batch.pixels, image_size))
            right += int((scores.argmax(1) == batch.labels).sum())
        self.network.train()
        self.network.load_state_dict(state, strict=False)
        return right / len(self.held)

    def _plan(self) -> list[Stage]:
        """The stage of every step."""
        return [s for s in self.recipe.stages for _ in range(s.crops // self.recipe.batch)]

    def _train_step(self, stage: Stage, steps: int) -> Tensor:
        factor = trapezoid(self.step / steps, self.recipe.warmup, self.recipe.decay)
        for optimizer, peaks in zip(self.optimizers, self.peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * factor
        torch.manual_seed(self.recipe.seed + self.step)  # of drop path
        seed = int(random_stream(self.recipe.seed, 1, self.step).integers(2**62))
        batch = augment(self._batch(), stage, self.recipe.jitter, seed)
        total = torch.zeros((), device=self.device)
        self.network.train()
        for rows in _rows(len(batch.labels), self.recipe.micro_batch):
            with self.accelerator.autocast():
                scores = self.compiled(batch.images[rows])
            loss = self._loss(scores.float(), batch, rows) / len(batch.labels)
            loss.backward()
            total += loss.detach()
        for optimizer in self.optimizers:
            optimizer.step()
        self.network.zero_grad(set_to_none=True)
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            now = dict(self.network.named_parameters())
            torch._foreach_lerp_(
                list(self.average.values()), [now[k] for k in self.average], 1 - decay
            )
        return total

    def _loss(self, scores: Tensor, batch: Mixed, rows: slice) -> Tensor:
        """Sum over the rows; both labels of a blended image count by their share."""
        smoothing = self.recipe.smoothing
        labels, partner = batch.labels[rows], batch.partner[rows]
        loss = F.cross_entropy(scores, labels, label_smoothing=smoothing, reduction="sum")
        if batch.share == 1:
            return loss
        other = F.cross_entropy(scores, partner, label_smoothing=smoothing, reduction="sum")
        return batch.share * loss + (1 - batch.share) * other

    def _batch(self) -> Images:
        """Images of this step: an epoch shows every image once, its last partial batch left out."""
        size = self.recipe.batch
        epoch, place = divmod(self.step, len(self.train) // size)
        order = random_stream(self.recipe.seed, 0, epoch).permutation(len(self.train))
        rows = torch.from_numpy(order[place * size : (place + 1) * size])
        return self.train.take(rows.to(self.device))

    def _log(self, plan: list[Stage], stage: Stage, loss: float, rate: float, ends: bool) -> None:
        left = sum((s.image_size / stage.image_size) ** 2 for s in plan[self.step + 1 :])
        record = {
            "step": self.step + 1,
            "steps": len(plan),
            "image_size": stage.image_size,
            "crops": (self.step + 1) * self.recipe.batch,
            "loss": round(loss, 4),
            "images_per_second": round(rate, 1),
            "seconds": round(self.seconds, 1),
        }
        if ends:
            record["top1"] = round(100 * self.accuracy(stage.image_size, averaged=False), 2)
            record["top1_averaged"] = round(100 * self.accuracy(stage.image_size), 2)
        with (self.out / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        minutes = left * self.recipe.batch / max(rate, 1e-9) / 60
        shown = " ".join(f"{k}={v}" for k, v in record.items())
        print(f"{shown} left={minutes:.0f}min", flush=True)

    def _save(self) -> None:
        state = {
            "recipe": json.dumps(asdict(self.recipe)),
            "step": self.step + 1,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizers": [o.state_dict() for o in self.optimizers],
        }
        write_atomic(self.out / "last.pt", lambda path: torch.save(state, path))

    def _resume(self) -> None:
        path = self.out / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if json.loads(state["recipe"]) != json.loads(json.dumps(asdict(self.recipe))):
            raise ConfigError(f"{path}: trained by another recipe. Choose another --out.")
        self.step, self.seconds = state["step"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        print(f"going on at step {self.step}", flush=True)


def _rows(count: int, most: int) -> Iterator[slice]:
    for start in range(0, count, most):
        yield slice(start, min(start + most, count))
