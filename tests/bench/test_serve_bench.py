"""The benchmark of serving: every ratio, in one run, and a table of them."""

import json

import pytest

from lpt.bench import serve_bench
from lpt.bench.serve_bench import bench_serving, render_serving
from lpt.errors import ParameterError

from ..tiny import write_backbone


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """All but the memory and HTTP, which run other programs and have tests of their own."""
    backbone = str(write_backbone(tmp_path_factory.mktemp("vit") / "vit.safetensors"))
    memory = {"bytes_per_task": 1.5e6, "memory_ratio": 1.25}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serve_bench, "memory_per_task", lambda *_: memory)
        patch.setattr(serve_bench, "bench_http", lambda *_, **__: None)
        return bench_serving(
            backbone, batch=4, repeats=2, device="cpu", tasks=3, registered=12, resident=4
        )


def test_the_result_is_json_with_every_ratio(result):
    read_back = json.loads(json.dumps(result, allow_nan=False))
    for name in ("mixed_share", "engine_share", "service_share", "service_mixed_share"):
        assert read_back[name] > 0
    assert read_back["tasks"] == 3


def test_more_tasks_than_fit_are_served_within_the_budget(result):
    paging = result["paging"]
    assert paging["registered"] == 12
    assert paging["resident"] == 4
    assert paging["most_bytes"] <= paging["budget_bytes"]
    assert paging["evictions"] > 0
    assert 0.3 < paging["misses"] <= 1


def test_the_table_states_what_was_measured(result):
    table = render_serving(result)
    assert f"{result['mixed_share']:.3f} of the speed of one task's" in table
    assert "a further task takes 1.50 MB, 1.25 times its tables" in table
    assert "12 tasks, 4 of them in memory" in table


def test_numbers_below_one_are_refused():
    with pytest.raises(ParameterError, match="tasks"):
        bench_serving("vit_tiny_patch8_64", tasks=0)
