"""Free memory is what the system and its containers leave."""

import pytest
import torch

from lpt.machine import free_memory as module
from lpt.machine.free_memory import free_memory


def test_free_memory_is_within_what_the_machine_has():
    pages = module.os.sysconf("SC_PHYS_PAGES") * module.os.sysconf("SC_PAGE_SIZE")
    found = free_memory(torch.device("cpu"))
    assert found is not None
    assert 10**6 < found <= pages


@pytest.mark.parametrize(("limit", "free"), [("1000", 400), ("500", 0), ("max", None)])
def test_the_limit_of_a_container_counts(limit, free, tmp_path, monkeypatch):
    plain = free_memory()
    (tmp_path / "limit").write_text(limit)
    (tmp_path / "usage").write_text("600")
    groups = (tmp_path / "limit", tmp_path / "usage", tmp_path / "no", tmp_path / "no")
    monkeypatch.setattr(module, "CONTAINER_FILES", groups)
    assert free_memory() == free if free is not None else free_memory() > plain / 2
