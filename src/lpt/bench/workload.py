"""The measured work: inference and training steps of lpt and of the plain implementation.

Weights are random; speed does not depend on them.
"""

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lpt.backbones import FrozenViT, load_backbone
from lpt.backbones.linear import torch_products
from lpt.backbones.towers.plain_only import check_plain
from lpt.machine.own_generator import OwnGenerator
from lpt.model.early_match import EarlyMatch
from lpt.model.prompt_shape import PromptShape
from lpt.model.two_pass import LongTailedPromptModel, Prefix
from lpt.records import Output
from lpt.reference.plain_model import PlainModel

__all__ = ["CLASSES", "Workload"]

CLASSES = 100
SHAPE = PromptShape(length=10, shared_blocks=None, pool_size=20, top_k=2)
"""The paper's sizes."""
ADAPTERS = 4
"""Hidden neurons of each adapter in the variants with adapters, as in the recipe `adapters`."""
COMPARED = 32
SCALE = 20.0
LR = 1e-4


class Workload:
    """A model, the plain implementation with the same parameters, and a batch of random images.

    Args:
        backbone: as for `load_backbone`.
        batch: number of images.
        device: "cpu" or "cuda".
        bf16: whether to run under bf16 autocast.
    """

    def __init__(
        self, backbone: str, batch: int, device: str = "cpu", *, bf16: bool = False
    ) -> None:
        frozen = load_backbone(backbone)
        check_plain("lpt bench", frozen, "`lpt train` says how long a run takes.")
        self.vit = _as_timm_made_it(frozen.model).to(device)
        own = OwnGenerator(0)
        with own:
            self.model = LongTailedPromptModel(frozen, CLASSES, SHAPE).to(device)
            self.model.early = _random_map(frozen).to(device)
            self.adapted = _with_adapters(frozen).to(device)
        self.plain = PlainModel(self.model, self.vit)
        self.plain_adapted = PlainModel(self.adapted, self.vit)
        size = frozen.spec.image_size
        with own:
            self.images = torch.randn(batch, 3, size, size).to(device)
            self.labels = torch.randint(0, CLASSES, (batch,)).to(device)
        self.device, self.bf16 = torch.device(device), bf16
        self.trainable = {
            "phase1": [self.model.shared.prompts, self.model.classifier.weight],
            "phase2": [
                self.model.pool.prompts,
                self.model.pool.keys,
                self.model.classifier.weight,
            ],
            "phase1_adapters": [
                self.adapted.shared.prompts,
                *(t for n, t in self.adapted.named_parameters() if n.startswith("adapters.")),
                self.adapted.classifier.weight,
            ],
        }
        self.optimizers = {
            name: torch.optim.SGD(parameters, lr=LR, momentum=0.9)
            for name, parameters in self.trainable.items()
        }

    @cached_property
    def prefix(self) -> Prefix:
        """The content of a view cache for these images."""
        with torch.no_grad(), self.precision():
            return self.model.prefix(self.images)

    def precision(self) -> AbstractContextManager[object]:
        """Return the autocast context of the steps."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else nullcontext()

    def variants(self) -> Mapping[str, Callable[[], object]]:
        """Return the timed work by name; "torch_*" is lpt without oneDNN."""
        own = {
            "inference": lambda: self._infer(self.model.predict),
            "inference_early": lambda: self._infer(partial(self.model.predict, early_margin=0.0)),
            "phase1": lambda: self._step("phase1", self.model.phase1),
            "phase2": lambda: self._step("phase2", self.model),
            "phase2_cached": lambda: self._step("phase2", lambda _: self._suffix(self.prefix)),
            "phase1_adapters": lambda: self._step("phase1_adapters", self.adapted.phase1),
        }
        plain_adapted = self.plain_adapted.phase1
        return {
            "bare": lambda: self._infer(self.vit),
            "plain_inference": lambda: self._infer(self.plain),
            "plain_phase1": lambda: self._step("phase1", self.plain.phase1),
            "plain_phase2": lambda: self._step("phase2", self.plain),
            "plain_phase1_adapters": lambda: self._step("phase1_adapters", plain_adapted),
            **{f"lpt_{name}": work for name, work in own.items()},
            **{f"torch_{name}": _without_onednn(work) for name, work in own.items()},
        }

    def errors(self) -> tuple[float, float]:
        """Compute the largest differences from the plain implementation, in float32.

        It uses at most 32 images, so that a large batch needs no more memory here than in timing.

        Returns: the difference of cosine logits, and of gradients relative to the largest entry of
            each (or to 1, if larger).
        """
        logits, gradients = 0.0, 0.0
        images = self.images[:COMPARED]
        with torch.no_grad():
            prefix = self.model.prefix(images)
        for phase, own, plain in (
            ("phase1", self.model.phase1, self.plain.phase1),
            ("phase2", self.model, self.plain),
            ("phase2", lambda _: self._suffix(prefix), self.plain),
            ("phase1_adapters", self.adapted.phase1, self.plain_adapted.phase1),
        ):
            found, found_gradients = self._gradients(phase, own, images)
            wanted, wanted_gradients = self._gradients(phase, plain, images)
            logits = max(logits, _difference(found, wanted))
            for one, other in zip(found_gradients, wanted_gradients, strict=True):
                gradients = max(gradients, _difference(one, other) / max(1.0, _largest(other)))
        with torch.no_grad():
            predicted = self.model.predict(images).logits
            logits = max(logits, _difference(predicted, self.plain(images).logits))
        return logits, gradients

    def _infer(self, model: Callable[[Tensor], object]) -> object:
        with torch.inference_mode(), self.precision():
            return model(self.images)

    def _step(self, phase: str, forward: Callable[[Tensor], Output]) -> None:
        with self.precision():
            output = forward(self.images)
        torch.autograd.backward(self._loss(output))
        self.optimizers[phase].step()
        self.optimizers[phase].zero_grad()

    def _suffix(self, prefix: Prefix) -> Output:
        with torch.no_grad():
            shared = self.model.shared_parts()
        return self.model.phase2(prefix, shared)

    def _gradients(
        self, phase: str, forward: Callable[[Tensor], Output], images: Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        output = forward(images)
        gradients = torch.autograd.grad(self._loss(output), self.trainable[phase])
        return output.logits.detach(), gradients

    def _loss(self, output: Output) -> Tensor:
        loss = F.cross_entropy(SCALE * output.logits, self.labels[: len(output.logits)])
        return loss if output.match is None else loss - output.match.similarity.mean()


def _random_map(frozen: FrozenViT) -> EarlyMatch:
    early = EarlyMatch(SHAPE.pool_size, frozen.width)
    nn.init.normal_(early.weight)
    return early


def _with_adapters(frozen: FrozenViT) -> LongTailedPromptModel:
    """Adapters that start at zero would hide errors, so these do not; their scale is trained."""
    model = LongTailedPromptModel(frozen, CLASSES, SHAPE, adapter_width=ADAPTERS)
    assert model.adapters is not None
    nn.init.normal_(model.adapters.up)
    model.adapters.scale.requires_grad_(True)
    return model


def _as_timm_made_it(model: nn.Module) -> nn.Module:
    """Copy a model and restore torch's own linear layers."""
    vit = copy.deepcopy(model)
    for name, module in list(vit.named_modules()):
        if isinstance(module, nn.Linear):
            with torch.device("meta"):
                linear = nn.Linear(
                    module.in_features, module.out_features, bias=module.bias is not None
                )
            linear.weight, linear.bias = module.weight, module.bias
            vit.set_submodule(name, linear)
    return vit.eval()


def _without_onednn(work: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with torch_products():
            return work()

    return run


def _difference(one: Tensor, other: Tensor) -> float:
    return _largest(one - other)


def _largest(tensor: Tensor) -> float:
    return float(tensor.abs().max())
