"""One backbone for two data sets: images side by side, classes apart."""

import numpy as np
import pytest
import torch

from lpt.baselines import baseline_settings, train_baseline, train_multitask
from lpt.baselines.encoder import Fixed
from lpt.baselines.methods.multitask import ConcatStore, MultitaskStage, joined_context
from lpt.data.image_stores import MemoryStore
from lpt.errors import ConfigError
from lpt.losses import build_loss
from lpt.model.classifier import CosineClassifier
from lpt.training.engine.stage import Progress, branches_of

from ...tiny import backbone_of, write_backbone
from ..tiny import context, manifest


def test_a_concatenated_store_reads_from_the_store_of_a_position():
    stores = MemoryStore("a", (b"0", b"1")), MemoryStore("b", ()), MemoryStore("c", (b"2",))
    joined = ConcatStore(stores)
    assert len(joined) == 3
    assert [joined.read(i) for i in range(3)] == [b"0", b"1", b"2"]
    assert str(joined.ref(2)) == "c row 0"


def test_labels_of_joined_contexts_are_concatenated(backbone):
    joint = joined_context([context(backbone), context(backbone, manifest((2, 3)))])
    assert joint.counts.tolist() == [12, 6, 4, 3, 2, 3]
    assert joint.data.num_classes == 6
    assert np.array_equal(np.unique(joint.train_split.labels), np.arange(6))


def test_contexts_with_different_backbones_are_refused(backbone, tmp_path):
    other = backbone_of(write_backbone(tmp_path / "other.safetensors", seed=1))
    with pytest.raises(ConfigError, match="different backbones"):
        joined_context([context(backbone), context(other)])


def test_an_image_is_classified_among_the_classes_of_its_own_data_set(backbone, images):
    """By hand: two softmaxes, over classes 0-1 and 2-4; each sum over all four images."""
    losses = [build_loss("ce", torch.ones(size, dtype=torch.int64)) for size in (2, 3)]
    joint = build_loss("ce", torch.ones(5, dtype=torch.int64))
    branches = branches_of("instance", joint, joint)
    stage = MultitaskStage(Fixed(backbone), CosineClassifier(5, 16), branches, losses, (2, 3))
    labels = torch.tensor([1, 4, 2, 0])
    terms = stage(stage.draw({"images": images}, labels), Progress(0, 1))
    logits = 20 * stage.classifier(backbone(images))
    first = -sum(logits[i, :2].log_softmax(0)[labels[i]] for i in (0, 3)) / 4
    second = -sum(logits[i, 2:].log_softmax(0)[labels[i] - 2] for i in (1, 2)) / 4
    torch.testing.assert_close(terms["instance.set 1"], first)
    torch.testing.assert_close(terms["instance.set 2"], second)
    torch.testing.assert_close(terms.total, first + second)


def test_each_context_gets_the_shared_backbone_with_its_own_classifier(backbone, images):
    contexts = [context(backbone), context(backbone, manifest((4, 3)))]
    one, other = train_multitask(contexts, baseline_settings("multitask", epochs=1, batch_size=8))
    assert one.stage.encoder is other.stage.encoder
    assert one.predict(images).logits.shape == (4, 4)
    assert other.predict(images).logits.shape == (4, 2)
    assert one.parameters - other.parameters == 2 * 16


def test_without_a_second_data_set_the_error_names_the_option(backbone):
    with pytest.raises(ConfigError, match="other=SOURCE"):
        train_baseline("multitask", context(backbone), baseline_settings("multitask"))
