"""One set of backbone weights, seen at every input size that tasks were trained at."""

import copy
import threading
from dataclasses import replace
from itertools import chain

from torch import nn

from lpt.backbones import FrozenViT
from lpt.backbones.compact.weight_type import WeightType
from lpt.backbones.spec import BackboneSpec, hash_weights
from lpt.backbones.towers.input_sizes import resize_input
from lpt.errors import BackboneError
from lpt.task_spec import BackboneRecord

__all__ = ["BackboneViews", "ViewKey", "view_key"]

ViewKey = tuple[int, float, str]
"""Input size in pixels, eps of every LayerNorm, and feature: what views of the same weights differ
in."""

MAX_VIEWS = 16
"""Of one backbone. Each batch of images is computed in one part per view."""


class BackboneViews:
    """A backbone, and views of it at other input sizes, which share its weights.

    A view has its own position embedding and nothing else. It equals the backbone that
    `lpt.backbones.load_backbone` loads at that size. Several threads may use one object.

    Args:
        backbone: loaded at the size of its weights, or only tasks of its own size can be served.
        weights: number type to keep the weights of the backbone in; "float32" leaves them as they
            are.
    """

    def __init__(self, backbone: FrozenViT, weights: WeightType = "float32") -> None:
        self.backbone = backbone
        self._views: dict[ViewKey, FrozenViT] = {view_key(backbone.spec): backbone}
        self._lock = threading.Lock()
        self._unchanged: bool | None = None
        if weights != "float32":
            self._at_own_size()  # while the weights have their hash
            backbone.keep_weights(weights)

    def of(self, wanted: BackboneRecord) -> FrozenViT:
        """Return the view that a task was trained on.

        The caller compares the hash of the weights.

        Raises: BackboneError if the size is impossible for the backbone, or one too many.
        """
        with self._lock:
            view = self._views.get(view_key(wanted))
            if view is None:
                view = self._views[view_key(wanted)] = self._made(wanted)
            return view

    def __getitem__(self, key: ViewKey) -> FrozenViT:
        """Return a view that `of` has returned before."""
        return self._views[key]

    def _made(self, wanted: BackboneRecord) -> FrozenViT:
        spec = self.backbone.spec
        if len(self._views) >= MAX_VIEWS:
            raise BackboneError(
                f"image size {wanted.image_size}, eps {wanted.layer_norm_eps:g}, feature "
                f"{wanted.feature}: the tasks of one server may have {MAX_VIEWS} combinations of "
                "these. Start another server for it."
            )
        if wanted.image_size != spec.image_size and not self._at_own_size():
            raise BackboneError(
                f"image size {wanted.image_size}: the backbone was loaded at {spec.image_size} "
                "pixels, or with compact weights. Load it without image_size and weights to serve "
                "tasks of several sizes."
            )
        shared = chain(self.backbone.model.parameters(), self.backbone.model.buffers())
        model = copy.deepcopy(self.backbone.model, {id(tensor): tensor for tensor in shared})
        resize_input(spec.name, model, wanted.image_size)
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                module.eps = wanted.layer_norm_eps
        view = FrozenViT(model, wanted.feature)
        view.spec = replace(
            spec,
            image_size=wanted.image_size,
            layer_norm_eps=wanted.layer_norm_eps,
            feature=wanted.feature,
            num_patches=view.model.patch_embed.num_patches,
        )
        return view

    def _at_own_size(self) -> bool:
        """Whether the position embedding is as stored, so that it may be interpolated."""
        if self._unchanged is None:
            found = hash_weights(self.backbone.model.state_dict())
            self._unchanged = found == self.backbone.spec.sha256
        return self._unchanged


def view_key(record: BackboneRecord | BackboneSpec) -> ViewKey:
    """Return what tells the view of a task from others."""
    return record.image_size, record.layer_norm_eps, record.feature
