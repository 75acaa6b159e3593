"""The benchmark: honest about results first, then about time and memory."""

import json
import re

import pytest

from lpt.bench import ratios as bench_module
from lpt.bench.ratios import bench, render
from lpt.bench.workload import Workload
from lpt.errors import LptError

SMALL = "vit_tiny_patch8_64"


@pytest.fixture(scope="module")
def result() -> dict[str, object]:
    return bench(SMALL, batch=2, repeats=2, device="cpu", memory=False)


def test_the_result_is_json_with_every_ratio(result):
    read_back = json.loads(json.dumps(result, allow_nan=False))
    for name in (
        "inference_speedup",
        "phase1_speedup",
        "phase2_speedup",
        "phase2_cached_speedup",
        "backbone_share",
        "inference_early_speedup",
        "early_backbone_share",
    ):
        assert read_back[name] > 0
        assert read_back["structure_only"][name] > 0
    assert read_back["max_logit_error"] <= 1e-5
    assert read_back["max_gradient_error"] <= 1e-4
    assert {"bare", "plain_inference", "lpt_phase2_cached"} <= read_back["images_per_second"].keys()


def test_the_table_names_machine_ratios_and_differences(result):
    table = render(result)
    assert re.search(r"\d threads?, torch", table)
    assert f"{result['inference_speedup']:.2f}x" in table
    assert "cosine logits" in table
    assert f"with early matching at {result['early_backbone_share']:.2f}" in table


def test_bf16_work_is_compared_in_float32_and_set_against_bf16_products(monkeypatch):
    monkeypatch.setattr(bench_module, "uses_bf16", lambda precision, _: precision != "float32")
    result = bench(SMALL, batch=2, repeats=1, device="cpu", precision="bf16", memory=False)
    assert result["max_logit_error"] <= 1e-5
    assert result["precision"] == "bf16"
    assert result["matmul_gflops_by_library"].keys() == {"torch"}
    assert "2048 cubed in bf16" in render(result)
    needed, peak = result["gflop_per_image"], result["matmul_gflops"]
    for task, share in result["share_of_peak"].items():
        rate = result["images_per_second"].get(f"lpt_{task}", result["images_per_second"]["bare"])
        assert share == pytest.approx(needed[task] * rate / peak)


def test_results_that_differ_stop_the_benchmark(monkeypatch):
    monkeypatch.setattr(Workload, "errors", lambda self: (2e-5, 0.0))
    with pytest.raises(LptError, match=r"cosine logits by 2\.0e-05 \(allowed 1e-05\)"):
        bench(SMALL, batch=1, repeats=1, device="cpu", memory=False)


def test_a_cpu_is_measured_in_float32_unless_asked_otherwise(monkeypatch):
    monkeypatch.setattr(bench_module, "uses_bf16", lambda precision, _: precision != "float32")
    result = bench(SMALL, batch=2, repeats=1, device="cpu", memory=False)
    assert result["precision"] == "float32"
