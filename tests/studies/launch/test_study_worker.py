"""A worker runs the same command elsewhere, and knows that it is one."""

import sys

from lpt.studies.launch.study_worker import WORKER, StudyOutput, is_worker, run_worker

SCRIPT = (
    "import os, sys; from lpt.studies.launch.study_worker import is_worker;"
    "print(sys.argv[1], os.getcwd(), is_worker()); sys.exit(int(sys.argv[2]))"
)


def test_a_worker_has_the_arguments_the_folder_and_the_mark(tmp_path):
    found = run_worker(["main", "1"], str(tmp_path), [sys.executable, "-c", SCRIPT])
    assert found == StudyOutput(1, f"main {tmp_path} True\n")
    assert found.is_complete  # one row failed, but all are done
    assert not is_worker({})
    assert is_worker({WORKER: "1"})


def test_a_worker_that_was_killed_or_refused_is_not_complete(tmp_path):
    for code in (2, 130):
        found = run_worker(["main", str(code)], str(tmp_path), [sys.executable, "-c", SCRIPT])
        assert not found.is_complete
    assert StudyOutput(-9, "").reason == "exit code -9"
    assert StudyOutput(-1, "trace\nout of \x1bmemory\n").reason == "out of \\x1bmemory"
