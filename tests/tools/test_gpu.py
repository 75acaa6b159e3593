"""What a GPU machine leaves behind becomes the tables of a document."""

import json

import pytest
from tools.gpu.epoch import class_sizes, write_images
from tools.gpu.tables import MARKS, main, tables, with_tables

from lpt.errors import DataError

BENCH = {
    "backbone": "random:vit_base_patch16_224",
    "batch": 256,
    "precision": "bf16",
    "machine": "Some GPU",
    "versions": {"torch": "2.11.0"},
    "matmul_side": 8192,
    "matmul_gflops": 600_000.0,
    "images_per_second": {"bare": 4000, **{f"lpt_{t}": 3000 for t in ("inference", "phase1")}},
    "spread": {"bare": 0.01},
    "share_of_peak": {"bare": 0.5},
    "inference_speedup": 2.5,
}
for name in ("inference", "phase1", "phase2", "phase2_cached"):
    BENCH["images_per_second"][f"lpt_{name}"] = 3000
    BENCH["spread"][f"lpt_{name}"] = 0.02
    BENCH["share_of_peak"][name] = 0.55
    BENCH[f"{name}_speedup"] = 2.5


def test_tables_state_shares_of_the_matrix_rate_and_survive_failed_steps(tmp_path):
    (tmp_path / "bench_large.json").write_text(json.dumps(BENCH))
    (tmp_path / "bench_small.json").write_text("")  # that step was killed
    text = tables(tmp_path)
    assert "| inference | 3,000 | 2 % | 55 % | 2.50 |" in text
    assert "Some GPU, torch 2.11.0; 8192 cubed: 600.0 TFLOP/s." in text


def test_tables_replace_what_is_between_the_marks(tmp_path):
    (tmp_path / "bench_large.json").write_text(json.dumps(BENCH))
    page = tmp_path / "page.md"
    page.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    for _ in range(2):  # writing again changes nothing
        main([str(tmp_path), "--write", str(page)])
        text = page.read_text()
        assert text == with_tables(text, tables(tmp_path))
    assert text.startswith(f"before\n{MARKS[0]}\n\n`random:vit_base_patch16_224`")
    assert text.endswith(f"{MARKS[1]}\nafter\n")
    assert "old" not in text


def test_a_folder_without_results_and_a_page_without_marks_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no result of tools/gpu/run\.sh"):
        tables(tmp_path)
    with pytest.raises(DataError, match="has no line"):
        with_tables("no marks", "tables")


def test_images_of_an_epoch_have_the_long_tail_of_cifar100_lt(tmp_path):
    sizes = class_sizes(10_847)
    assert sum(sizes) == pytest.approx(10_847, rel=0.01)
    assert sizes[0] / sizes[-1] == pytest.approx(100, rel=0.1)
    write_images(tmp_path, [3, 2])
    assert len(list(tmp_path.rglob("*.jpg"))) == 5
