"""Where the feature of a model comes from."""

import pytest
import torch
from torch import nn

from lpt.backbones import FrozenViT
from lpt.backbones.towers.feature import Feature, feature_of, pooled
from lpt.errors import BackboneError

from ...contracts.tiny_families import KINDS, beit, eva, make


@pytest.mark.parametrize(
    ("kind", "feature"),
    [
        ("plain", Feature.CLASS_TOKEN),
        ("averaged, so norm after pooling", Feature.CLASS_TOKEN),
        ("mean of patches", Feature.MEAN),
        ("attention pool (SigLIP)", Feature.ATTENTION),
        ("DINOv3", Feature.CLASS_TOKEN),
        ("EVA-02 base", Feature.MEAN),
        ("EVA-02 CLIP", Feature.CLASS_TOKEN),
        ("PE-Core", Feature.ATTENTION),
        ("BEiT", Feature.MEAN),
        ("BEiT, class token", Feature.CLASS_TOKEN),
    ],
)
def test_the_feature_follows_from_how_the_model_was_trained(kind, feature):
    assert feature_of(KINDS[kind]()) is feature


def test_the_mean_leaves_out_the_tokens_before_the_patches():
    model = make(class_token=False, global_pool="avg", reg_tokens=2, no_embed_class=True)
    model.fc_norm = nn.Identity()
    tokens = torch.cat([torch.full((1, 2, 4), 9.0), torch.ones(1, 3, 4)], dim=1)
    assert torch.equal(pooled(model, Feature.MEAN, tokens), torch.ones(1, 4))


@pytest.mark.parametrize("model", [eva(global_pool=""), beit(global_pool="")], ids=["Eva", "Beit"])
def test_a_model_whose_pool_was_taken_away_keeps_its_class_token(model):
    assert feature_of(model) is Feature.CLASS_TOKEN


def test_class_token_and_mean_are_normed_halves_of_one_feature():
    model = make(reg_tokens=1).eval()
    tokens = torch.randn(2, 1 + 1 + model.patch_embed.num_patches, model.embed_dim)
    feature = pooled(model, Feature.CLASS_AND_MEAN, tokens)
    normed = model.norm(tokens)
    halves = normed[:, 0], normed[:, 2:].mean(1)
    expected = torch.cat([half / half.norm(dim=1, keepdim=True) for half in halves], dim=1)
    torch.testing.assert_close(feature, expected)
    whole = FrozenViT(model, "class+patches")
    assert whole.feature_width == 2 * whole.width == feature.shape[1]


@pytest.mark.parametrize("kind", ["mean of patches", "attention pool (SigLIP)", "BEiT"])
def test_class_token_and_mean_need_a_trained_class_token(kind):
    with pytest.raises(BackboneError, match=r"feature class\+patches: .* Use feature=own"):
        FrozenViT(KINDS[kind](), "class+patches")
