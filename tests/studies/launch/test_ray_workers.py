"""Tasks of Ray run the command; one that is lost is told."""

import pytest

from lpt.errors import LptError
from lpt.studies.launch.ray_workers import run_on_ray

pytest.importorskip("ray")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_table_of_a_task_is_returned_and_failed_tasks_are_told(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    said: list[str] = []
    assert run_on_ray(2, ["--version"], said.append).startswith("lpt ")
    assert said[0].startswith("tasks   2 on Ray")
    with pytest.raises(LptError, match="no task has finished it"):
        run_on_ray(1, ["study", "no-such-study"], said.append)
