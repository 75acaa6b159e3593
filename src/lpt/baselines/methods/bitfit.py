"""BitFit: the biases of linear layers, LayerNorms and the patch embedding are trained.

Source: Ben Zaken, Ravfogel and Goldberg, ACL 2022. Departure: a ViT in place of BERT.
"""

from torch import Tensor, nn

from lpt.backbones import FrozenViT
from lpt.backbones.linear import FrozenLinear, frozen_linear
from lpt.baselines.baseline import Baseline
from lpt.baselines.tuned_vit import TunedViT, replace_linears

__all__ = ["BASELINE", "BiasLinear"]


class BiasLinear(FrozenLinear):
    """A linear layer with a frozen weight and a trainable bias."""

    def forward(self, input: Tensor) -> Tensor:
        """Return input @ weight.T + bias, with gradients for input and bias."""
        product = frozen_linear(input, self.weight)
        return product if self.bias is None else product + self.bias


def _biases(vit: FrozenViT) -> list[nn.Parameter]:
    replace_linears(vit.model, BiasLinear.of)
    return [p for name, p in vit.model.named_parameters() if name.endswith("bias")]


BASELINE = Baseline.of_encoder(
    lambda vit, _: TunedViT(vit, _biases, trains_linears=True), {"lr": 1e-3}
)
