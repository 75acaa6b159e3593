"""The measured work: same results as the plain implementation, and the comparison is sharp."""

import copy

from lpt.bench.workload import Workload

SMALL = "vit_tiny_patch8_64"


def test_a_wrong_model_is_noticed_by_the_comparison():
    work = Workload(SMALL, 2)
    logits, gradients = work.errors()
    assert logits <= 1e-5
    assert gradients <= 1e-4
    work.plain_adapted.adapters = copy.deepcopy(work.adapted.adapters)
    work.adapted.adapters.scale.data.mul_(1.1)
    assert work.errors()[0] > 1e-5
    work.adapted.adapters.scale.data.div_(1.1)
    assert work.errors()[0] <= 1e-5
    work.vit.blocks[3].norm1.weight.data.mul_(1.01)
    assert work.errors()[0] > 1e-5


def test_every_variant_runs():
    variants = Workload(SMALL, 2).variants()
    assert {name.partition("_")[0] for name in variants} == {"bare", "plain", "lpt", "torch"}
    for name in ("plain_phase1", "lpt_phase2_cached", "torch_inference", "lpt_phase1_adapters"):
        variants[name]()
