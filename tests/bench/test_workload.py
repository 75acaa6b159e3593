"""The measured work: same results as the plain implementation, and the comparison is sharp."""

from lpt.backbones.blocks.bottleneck import Bottleneck
from lpt.bench.workload import Workload

SMALL = "vit_tiny_patch8_64"


def test_a_wrong_model_or_adapter_is_noticed_by_the_comparison(monkeypatch):
    work = Workload(SMALL, 2)
    logits, gradients = work.errors()
    assert logits <= 1e-5
    assert gradients <= 1e-4
    added = Bottleneck.added
    with monkeypatch.context() as patch:
        patch.setattr(Bottleneck, "added", lambda *given: 1.1 * added(*given))
        assert work.errors()[0] > 1e-5
    work.vit.blocks[3].norm1.weight.data.mul_(1.01)
    assert work.errors()[0] > 1e-5


def test_every_variant_runs():
    variants = Workload(SMALL, 2).variants()
    assert {name.partition("_")[0] for name in variants} == {"bare", "plain", "lpt", "torch"}
    for name in ("plain_phase1", "lpt_phase2_cached", "torch_inference", "lpt_phase1_adapters"):
        variants[name]()
