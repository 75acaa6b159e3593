"""The form of most baselines: an encoder of images, partly trainable, and a classifier."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from lpt.model.classifier import CosineClassifier
from lpt.records import Output
from lpt.training.engine.stage import Branch, Inputs, Stage, dropout_of

__all__ = ["Encoder", "EncoderStage", "Fixed"]


class Encoder(nn.Module, ABC):
    """A module from images (B, 3, H, H) to features (B, D)."""

    @abstractmethod
    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters by role (`lpt.training.engine.optim.ROLES`)."""

    def lr_factors(self) -> Mapping[nn.Parameter, float]:
        """Parameters whose learning rate is a multiple of their role's; by default none."""
        return {}

    @abstractmethod
    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """Encode images."""


class Fixed(Encoder):
    """An encoder without trainable parameters.

    Args:
        encode: module from images (B, 3, H, H) to features (B, D); its parameters are frozen.
    """

    def __init__(self, encode: nn.Module) -> None:
        super().__init__()
        self.encode = encode.requires_grad_(False)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return no groups."""
        return {}

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """Apply the frozen module."""
        feature: Tensor = self.encode(images)
        return feature


class EncoderStage(Stage):
    """An encoder and a classifier; features of an encoder without trainable parameters are frozen.

    Args:
        name: of the baseline.
        mixup: alpha of Mixup's Beta distribution; 0 for no Mixup.
    """

    def __init__(
        self,
        name: str,
        encoder: Encoder,
        classifier: CosineClassifier,
        branches: Sequence[Branch],
        mixup: float = 0.0,
    ) -> None:
        super().__init__()
        self.name, self.encoder, self.classifier = name, encoder, classifier
        self.branches, self.mixup = branches, mixup
        self.losses = nn.ModuleList(b.loss for b in branches if isinstance(b.loss, nn.Module))

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Groups of the encoder, and the classifier."""
        return {**self.encoder.param_groups(), "classifier": list(self.classifier.parameters())}

    def lr_factors(self) -> Mapping[nn.Parameter, float]:
        """Those of the encoder."""
        return self.encoder.lr_factors()

    def frozen(self, images: Float[Tensor, "B 3 H H"]) -> Inputs:
        """The feature if only the classifier is trained, else the images."""
        if self.encoder.param_groups():
            return {"images": images}
        return {"feature": self.encoder(images)}

    def random_inputs(self, images: int) -> Inputs:
        """Draw the dropout mask of the classifier."""
        return dropout_of(self.classifier, images)

    def output(self, inputs: Inputs) -> Output:
        """Encode images unless their feature is given, then classify."""
        feature = inputs["feature"] if "feature" in inputs else self.encoder(inputs["images"])
        return Output(self.classifier(feature, inputs.get("dropout_mask")), feature, feature)
