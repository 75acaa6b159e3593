"""The settings that can change a result, under names that no renaming of a setting changes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = [
    "BASELINE_FACTS",
    "LATER_OPTIONS",
    "RUN_FACTS",
    "RUN_SETTINGS_ELSEWHERE",
    "RUN_SETTINGS_WITHOUT_EFFECT",
    "Fact",
]


class Fact(NamedTuple):
    """A fact of a run's key.

    Attributes:
        name: as written in the key. It stays when the setting is renamed.
        omitted: the value that is left out of the key: the setting's default when the fact was
            added. It stays when the default changes, so that old keys keep their meaning.
    """

    name: str
    omitted: Any


def _phase(section: str, name: str, **omitted: Any) -> dict[str, Fact]:
    """Facts that both phases have; `omitted` where their defaults differ."""
    return {
        f"{section}.epochs": Fact(f"{name} epochs", 20),
        f"{section}.batch_size": Fact(f"{name} batch size", 0),
        f"{section}.epoch_images": Fact(f"{name} images per epoch", None),
        f"{section}.short_epochs": Fact(f"{name} epochs cut", ()),
        f"{section}.sampler": Fact(f"{name} sampler", omitted["sampler"]),
        f"{section}.dual_sampler": Fact(f"{name} second sampler of dual", "balanced"),
        f"{section}.eta": Fact(f"{name} eta", 0.5),
        f"{section}.loss.name": Fact(f"{name} loss", omitted["loss"]),
        f"{section}.loss.options": Fact(f"{name} loss options", {}),
        f"{section}.optim.name": Fact(f"{name} optimiser", "adamw"),
        f"{section}.optim.lr": Fact(f"{name} learning rate", omitted["lr"]),
        f"{section}.optim.classifier_lr": Fact(
            f"{name} learning rate of the classifier", omitted["classifier_lr"]
        ),
        f"{section}.optim.key_lr": Fact(f"{name} learning rate of the keys", omitted["key_lr"]),
        f"{section}.optim.adapter_lr": Fact(f"{name} learning rate of the adapters", None),
        f"{section}.optim.scale_lr": Fact(f"{name} learning rate scales with batch", False),
        f"{section}.optim.momentum": Fact(f"{name} momentum", 0.9),
        f"{section}.optim.weight_decay": Fact(f"{name} weight decay", 0.0),
        f"{section}.optim.warmup_epochs": Fact(f"{name} warm-up epochs", 1.0),
        f"{section}.optim.clip_norm": Fact(f"{name} largest gradient norm", None),
        f"{section}.optim.noise": Fact(f"{name} noise on weights", 0.0),
        f"{section}.optim.average": Fact(f"{name} decay of the average of weights", 0.0),
    }


RUN_FACTS: Mapping[str, Fact] = {
    "image_size": Fact("image size", None),
    "layer_norm_eps": Fact("layer norm epsilon", None),
    "feature": Fact("feature", "own"),
    "backbone_weights": Fact("number type of the backbone's weights", "float32"),
    "compile": Fact("compile", "auto"),
    "data.many_above": Fact("many-shot above", 100),
    "data.few_below": Fact("few-shot below", 20),
    "data.unlabelled": Fact("unlabelled images", None),
    "pseudo_labels.alpha": Fact("alpha of pseudo-labels", 0.33),
    "pseudo_labels.min_probability": Fact("least probability of pseudo-labels", 0.5),
    "augment.crop_scale": Fact("crop scale", (0.4, 1.0)),
    "augment.crop_growth": Fact("crop growth", "none"),
    "augment.square_crops": Fact("square crops", False),
    "augment.flip": Fact("flip probability", 0.5),
    "augment.mixup": Fact("Mixup alpha", 0.0),
    "augment.resize_rule": Fact("resize rule", "squash"),
    "augment.resize_ratio": Fact("resize ratio", 1.1),
    "prompts.length": Fact("prompt length", 10),
    "prompts.shared_blocks": Fact("blocks with the shared prompt only", None),
    "prompts.pool_size": Fact("group prompts", 20),
    "prompts.top_k": Fact("group prompts per image", 2),
    "prompts.key_init": Fact("key initialization", "queries"),
    "prompts.group_init": Fact("group prompt initialization", "shared"),
    "prompts.match": Fact("matching", "exact"),
    "adapters.width": Fact("adapter width", 0),
    "adapters.scale": Fact("adapter scale", 0.1),
    "adapters.train_scale": Fact("adapter scale trained", False),
    "classifier.init": Fact("classifier initialization", "class-means"),
    "classifier.passes": Fact("classifier passes", "second"),
    "classifier.init_images_per_class": Fact("images per class of class means", 100),
    "classifier.mean_weight": Fact("weight of class means", 0.0),
    "classifier.dropout": Fact("dropout", 0.0),
    "text.source": Fact("text tower", None),
    "text.templates": Fact("templates of prompts", None),
    "text.class_names": Fact("list of class names", None),
    "text.kappa": Fact("images that weigh as much as text", 10.0),
    **_phase(
        "phase1",
        "phase 1",
        sampler="instance",
        loss="logit-adjustment",
        lr=0.03,
        classifier_lr=0.009,
        key_lr=None,
    ),
    **_phase(
        "phase2",
        "phase 2",
        sampler="dual",
        loss="agcl",
        lr=0.0015,
        classifier_lr=0.0005,
        key_lr=0.03,
    ),
    "phase2.key_weight": Fact("weight of the key term", 1.0),
    "phase2.weight_key_term": Fact("key term weighted by branch", True),
    "phase2.instance_lambda_pos": Fact("instance branch lambda, positive", 0.5),
    "phase2.instance_lambda_neg": Fact("instance branch lambda, negative", 8.0),
    "phase2.cached_views": Fact("cached views", 0),
    "phase2.cache_dtype": Fact("cache dtype", "float16"),
    "phase2.cache_limit_gb": Fact("cache limit in GB", 8.0),
}
"""Settings of `lpt.config.RunConfig` that a method may read."""

_IMAGES = "hash of the names and labels of training and scored images"

RUN_SETTINGS_ELSEWHERE: Mapping[str, str] = {
    "backbone": "hash of the weights",
    "seed": "a separate fact",
    "precision": "resolved to what is used: bf16 or float32",
    "data.source": _IMAGES,
    "data.val_fraction": _IMAGES,
    "data.test_fraction": _IMAGES,
    "data.group_by": _IMAGES,
    "data.bad_images": _IMAGES,
    "data.corrections": _IMAGES,
}
"""Settings that are in every key in another form, named here.

The hash covers folder, file name, row and label of each image, not its content.
"""

RUN_SETTINGS_WITHOUT_EFFECT: Mapping[str, str] = {
    "recipe": "a name",
    "selection": "every run of a study keeps the last epoch",
    "micro_batch": "computes the same step in parts",
    "activation_checkpointing": "computes the same gradients with less memory",
    "checkpoint_seconds": "a resumed run has the same weights",
    "data.max_pixels": "a larger image stops a run",
    "data.max_val_images": "runs of a study have no validation images",
    "data.check_content": "images that were replaced stop a run",
    "data.workers": "sampling does not depend on processes",
    "data.start_method": "sampling does not depend on processes",
}
"""Settings that cannot change a result of a study, and why."""

BASELINE_FACTS: Mapping[str, Fact] = {
    "epochs": Fact("epochs", 20),
    "batch_size": Fact("batch size", 0),
    "lr": Fact("learning rate", None),
    "classifier_lr": Fact("learning rate of the classifier", None),
    "weight_decay": Fact("weight decay", 0.0),
    "sampler": Fact("sampler", "instance"),
    "loss": Fact("loss", "ce"),
    "loss_options": Fact("loss options", {}),
    "init": Fact("classifier initialization", "class-means"),
    "mean_weight": Fact("weight of class means", 0.0),
    "dropout": Fact("dropout", None),
    "noise": Fact("noise on weights", 0.0),
    "average": Fact("decay of the average of weights", 0.0),
    "cached_views": Fact("cached views", 0),
    "tta": Fact("test-time augmentation", False),
    "options": Fact("options", {}),
}
"""Settings of `lpt.baselines.BaselineSettings`; every baseline may read all of them."""

LATER_OPTIONS: Mapping[str, Any] = {"layer_decay": 1.0}
"""Options that a baseline got after runs of it were made, with the value of those runs.

Other options are written out in full.
"""
