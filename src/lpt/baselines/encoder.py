"""What most rivals are: an encoder of images, some of which learns, and a classifier."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from lpt.model.classifier import CosineClassifier
from lpt.records import Output
from lpt.training.engine.stage import Branch, Inputs, Stage, dropout_of

__all__ = ["Encoder", "EncoderStage", "Fixed"]


class Encoder(nn.Module, ABC):
    """Images (B, 3, H, H) to features (B, D)."""

    @abstractmethod
    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """What learns, by role (`lpt.training.engine.optim.ROLES`)."""

    @abstractmethod
    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """Encode."""


class Fixed(Encoder):
    """Any encoder of which nothing learns."""

    def __init__(self, encode: nn.Module) -> None:
        super().__init__()
        self.encode = encode.requires_grad_(False)

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Nothing."""
        return {}

    def forward(self, images: Float[Tensor, "B 3 H H"]) -> Float[Tensor, "B D"]:
        """What the encoder says."""
        feature: Tensor = self.encode(images)
        return feature


class EncoderStage(Stage):
    """An encoder and a classifier; where the encoder is fixed, its features can be cached."""

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
        """What the encoder declares, and the classifier."""
        return {**self.encoder.param_groups(), "classifier": list(self.classifier.parameters())}

    def frozen(self, images: Float[Tensor, "B 3 H H"]) -> Inputs:
        """The feature, where nothing before the classifier learns; else the images."""
        return (
            {"images": images} if self.encoder.param_groups() else {"feature": self.encoder(images)}
        )

    def random_inputs(self, images: int) -> Inputs:
        """Dropout of the classifier."""
        return dropout_of(self.classifier, images)

    def output(self, inputs: Inputs) -> Output:
        """What was not computed yet, then the classifier."""
        feature = inputs["feature"] if "feature" in inputs else self.encoder(inputs["images"])
        return Output(self.classifier(feature, inputs.get("dropout_mask")), feature, feature)
