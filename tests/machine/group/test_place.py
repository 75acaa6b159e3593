"""Launchers state the place of a process in their own variables."""

import pytest

from lpt.errors import ParameterError
from lpt.machine.group.place import LAUNCHER, LISTENER, Place, first_node

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "TORCHELASTIC_RESTART_COUNT": "2",
}
SRUN = {
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_JOB_ID": "123456",
    "SLURM_STEP_NODELIST": "gpu[07-08]",
}


def test_torchrun_and_accelerate():
    place = Place.of_environment(TORCHRUN)
    assert place == Place(3, 4, 1, 2, "node1", 29500, kept=True, attempt=2)


def test_srun_meets_at_the_first_node_of_the_step():
    place = Place.of_environment(SRUN)
    assert place is not None
    assert (place.rank, place.size, place.local_rank, place.address) == (5, 8, 1, "gpu07")
    assert place.port == 20000 + 123456 % 20000


def test_the_processes_of_a_job_meet_at_the_same_port_and_other_jobs_elsewhere():
    ports = {Place.of_environment({**SRUN, "SLURM_JOB_ID": job}).port for job in ("7", "8", "9")}
    assert len(ports) == 3


def test_lpt_itself_hands_over_its_socket_and_its_id():
    own = {**TORCHRUN, LISTENER: "5", LAUNCHER: "77"}
    place = Place.of_environment(own)
    assert (place.listener, place.launcher) == (5, 77)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"RANK": "0", "WORLD_SIZE": "1"},
        {"WORLD_SIZE": "4"},  # left by other programs
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "8"},  # a batch script, in which srun starts tasks
        {**SRUN, "SLURM_STEP_NUM_TASKS": "1"},
    ],
)
def test_a_process_on_its_own_has_no_place(variables):
    assert Place.of_environment(variables) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RANK", "x"),
        ("RANK", "4"),
        ("RANK", "-1"),
        ("WORLD_SIZE", "99999"),
        ("WORLD_SIZE", "9" * 20),
        ("MASTER_PORT", ""),
        ("MASTER_ADDR", ""),
    ],
)
def test_a_wrong_variable_is_named(name, value):
    with pytest.raises(ParameterError, match=name):
        Place.of_environment({**TORCHRUN, name: value})


def test_names_of_nodes():
    assert first_node("a[1,3-4],b") == "a1"
    assert first_node("a-b.c") == "a-b.c"
