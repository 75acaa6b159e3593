"""An encoder with a classifier is a stage; without trainable parameters its feature is frozen."""

import torch

from lpt.baselines.encoder import Encoder, EncoderStage, Fixed
from lpt.losses import build_loss
from lpt.model.classifier import CosineClassifier
from lpt.training.engine.stage import branches_of


class Scaled(Encoder):
    """Mean colours times a trainable factor."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(2.0))

    def param_groups(self):
        return {"backbone": [self.factor]}

    def forward(self, images):
        return self.factor * images.mean((2, 3))


def stage_of(encoder: Encoder) -> EncoderStage:
    loss = build_loss("ce", torch.tensor([2, 1]))
    classifier = CosineClassifier(2, 3)
    return EncoderStage("own", encoder, classifier, branches_of("instance", loss, loss)).eval()


def test_images_pass_to_a_trainable_encoder(images):
    stage = stage_of(Scaled())
    assert set(stage.frozen(images)) == {"images"}
    assert set(stage.param_groups()) == {"backbone", "classifier"}


def test_the_feature_of_a_fixed_encoder_is_frozen(images):
    encoder = Scaled()
    stage = stage_of(Fixed(encoder))
    assert not encoder.factor.requires_grad
    assert set(stage.param_groups()) == {"classifier"}
    inputs = stage.frozen(images)
    torch.testing.assert_close(inputs["feature"], 2 * images.mean((2, 3)))
    torch.testing.assert_close(stage.output(inputs).logits, stage.predict(images).logits)
