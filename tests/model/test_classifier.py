"""The cosine classifier and the start of its directions."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from lpt.errors import ShapeError
from lpt.model.classifier import CosineClassifier, class_means


@given(seed=st.integers(0, 2**16), scale=st.floats(1e-3, 1e3), classes=st.integers(1, 9))
def test_logits_are_cosines_whatever_the_lengths(seed, scale, classes):
    torch.manual_seed(seed)
    classifier = CosineClassifier(classes, 6)
    feature = torch.randn(4, 6)
    logits = classifier(feature)
    expected = F.cosine_similarity(feature[:, None], classifier.weight[None], dim=-1)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)
    assert logits.abs().max() <= 1 + 1e-6
    with torch.no_grad():
        classifier.weight.mul_(1 + torch.rand(classes, 1))
    torch.testing.assert_close(classifier(scale * feature), logits, atol=1e-5, rtol=0)


def test_a_feature_along_a_class_direction_scores_one():
    classifier = CosineClassifier(3, 4)
    assert classifier(7 * classifier.weight.detach()).diagonal().tolist() == pytest.approx([1] * 3)


def test_directions_start_with_unit_length():
    lengths = CosineClassifier(50, 16).weight.norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(50))


def test_dropout_acts_in_training_only():
    classifier = CosineClassifier(3, 200, dropout=0.5)
    feature = torch.ones(2, 200)
    torch.manual_seed(0)
    assert not torch.equal(classifier(feature), classifier(feature))
    classifier.eval()
    assert torch.equal(classifier(feature), classifier(feature))


def test_logits_are_float32_under_autocast():
    classifier = CosineClassifier(3, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert classifier(torch.ones(2, 8, dtype=torch.bfloat16)).dtype == torch.float32


def test_a_feature_of_another_width_is_refused_with_both_sizes():
    with pytest.raises(ShapeError, match="width 5 for class weights of 4"):
        CosineClassifier(3, 4)(torch.ones(2, 5))


def test_class_means_by_hand():
    """Unit vectors are averaged, so the longer of two features of class 0 counts no more."""
    features = torch.tensor([[3.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    means = class_means(features, torch.tensor([0, 0, 2]), 4)
    expected = torch.tensor([[0.5, 0.5], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    torch.testing.assert_close(means, expected)


def test_classes_start_at_their_means_and_those_without_images_where_they_were():
    classifier = CosineClassifier(2, 2)
    before = classifier.weight[1].clone()
    classifier.start_at(torch.tensor([[0.0, 0.1], [0.0, 0.0]]))
    assert classifier.weight[0].tolist() == [0.0, 1.0]
    assert torch.equal(classifier.weight[1], before)
    assert classifier.weight.requires_grad


def test_half_way_to_the_mean_is_the_bisector_and_lengths_stay():
    classifier = CosineClassifier(2, 2)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 2.0]]))
    classifier.interpolate_towards(torch.tensor([[0.0, 0.1], [0.0, 0.0]]), 0.5)
    expected = torch.tensor([[3 / 2**0.5, 3 / 2**0.5], [0.0, 2.0]])  # no mean, no change
    torch.testing.assert_close(classifier.weight.detach(), expected)
    assert classifier.weight.requires_grad


@given(seed=st.integers(0, 2**16), share=st.floats(0, 1), scale=st.floats(1e-2, 1e2))
def test_leaning_lies_between_direction_and_mean_whatever_their_lengths(seed, share, scale):
    torch.manual_seed(seed)
    classifier = CosineClassifier(5, 8)
    means = torch.randn(5, 8)
    before = classifier.weight.detach().clone()
    with torch.no_grad():
        classifier.weight.mul_(scale)
    classifier.interpolate_towards(means / scale, share)
    after = classifier.weight.detach()
    torch.testing.assert_close(after.norm(dim=1), torch.full((5,), scale), rtol=1e-4, atol=0)
    for end in (before, means):
        whole = F.cosine_similarity(before, means)
        assert (F.cosine_similarity(after, end) >= whole - 1e-5).all()
    at = {0.0: before, 1.0: means}.get(share)
    if at is not None:
        torch.testing.assert_close(F.cosine_similarity(after, at), torch.ones(5))
