"""Text as the start of a classifier: it ranks as CLIP does, and gives way to images."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lpt.errors import ShapeError
from lpt.model.class_text import ClassText
from lpt.model.classifier import CosineClassifier

C, D, E, B = 5, 16, 8, 200


def drawn(seed: int, *size: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def text() -> ClassText:
    """Text features that lie apart from images: their mean is large."""
    features = F.normalize(drawn(0, C, E) + 3 * drawn(1, 1, E), dim=1)
    return ClassText(features, drawn(2, D, E))


def clip_scores(text: ClassText, feature: Tensor) -> Tensor:
    return F.normalize(feature @ text.projection, dim=1) @ text.features.T


def test_zero_shot_scores_are_cosines_in_the_joint_space(text: ClassText) -> None:
    feature = drawn(3, B, D)
    torch.testing.assert_close(text.scores(feature), clip_scores(text, feature))
    moved = ClassText(text.features, text.projection, drawn(4, E))
    joint = feature @ text.projection + moved.bias
    torch.testing.assert_close(moved.scores(feature), F.normalize(joint, dim=1) @ text.features.T)
    with pytest.raises(ShapeError):
        text.scores(drawn(3, B, D + 1))


def test_directions_rank_classes_as_the_scores_do_and_a_pseudo_inverse_does_not(
    text: ClassText,
) -> None:
    feature = drawn(3, B, D)
    expected = text.scores(feature).argsort(dim=1)
    assert torch.equal((feature @ text.directions().T).argsort(dim=1), expected)
    inverse = text.features @ torch.linalg.pinv(text.projection)
    assert not torch.equal((feature @ inverse.T).argsort(dim=1), expected)


def test_without_images_in_the_mix_text_still_ranks_the_classes(text: ClassText) -> None:
    """Shift and scale are common to all classes."""
    feature, means = drawn(3, B, D), F.normalize(drawn(5, C, D) + 4 * drawn(6, 1, D), dim=1)
    start = text.start(means, torch.full((C,), 10), kappa=1e9)
    own = (feature @ start.T).argsort(dim=1)
    assert torch.equal(own, text.scores(feature).argsort(dim=1))
    torch.testing.assert_close(start.mean(0), means.mean(0), atol=1e-5, rtol=0)


def test_a_class_of_n_images_takes_its_own_mean_by_n_over_n_plus_kappa(text: ClassText) -> None:
    means, counts = drawn(5, C, D), torch.tensor([1, 10, 30, 90, 270])
    alone = text.start(means, counts, kappa=1e9)
    mixed = text.start(means, counts, kappa=10.0)
    share = (counts / (counts + 10)).unsqueeze(1)
    torch.testing.assert_close(mixed, share * means + (1 - share) * alone, atol=1e-5, rtol=1e-4)


def test_a_class_without_images_starts_at_its_text_alone(text: ClassText) -> None:
    means, counts = drawn(5, C, D), torch.tensor([0, 10, 10, 10, 10])
    means[0] = 0
    found = text.start(means, counts, kappa=0.0)
    torch.testing.assert_close(found[1:], means[1:], atol=1e-5, rtol=0)
    size = (means[1:] - means[1:].mean(0)).square().sum(1).mean().sqrt()
    away = text.directions() - text.directions().mean(0)
    scaled = away * size / away.square().sum(1).mean().sqrt()
    torch.testing.assert_close(found[0], means[1:].mean(0) + scaled[0], atol=1e-4, rtol=1e-4)


def test_without_any_image_the_start_is_text(text: ClassText) -> None:
    found = text.start(torch.zeros(C, D), torch.zeros(C, dtype=torch.long), kappa=10.0)
    assert torch.equal(found, text.directions())


def test_rare_classes_are_not_behind_frequent_ones_for_being_text(text: ClassText) -> None:
    """Without the shift, a classifier of images and text always prefers the images."""
    means = F.normalize(drawn(5, C, D) + 4 * drawn(6, 1, D), dim=1)
    counts = torch.tensor([1000, 1000, 1000, 1, 1])
    feature = means.repeat(20, 1) + 0.05 * drawn(7, 20 * C, D)
    classifier = CosineClassifier(C, D)
    classifier.start_at(text.start(means, counts, kappa=1.0))
    logits = classifier(feature).detach()
    gap = logits[:, :3].mean() - logits[:, 3:].mean()
    raw = F.normalize(feature, dim=1) @ F.normalize(text.directions(), dim=1).T
    unshifted = F.normalize(feature, dim=1) @ means.T
    assert gap.abs() < 0.2 * (unshifted[:, :3].mean() - raw[:, 3:].mean()).abs()
