"""Scripts without a main guard and forks of computing processes end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = "from lpt.machine.processes import usable_workers\n"
CALL = "print('workers', usable_workers(2, 'spawn'))\n"


def output(folder: Path, script: str) -> str:
    path = folder / "script.py"
    path.write_text(script)
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, timeout=120, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "script",
    [
        START + CALL,
        START + f"def main():\n    {CALL}\nmain()\n",
        START + f"for _ in range(1):\n    {CALL}",
        f"import threading\n{START}def run():\n    {CALL}\n"
        "thread = threading.Thread(target=run)\nthread.start()\nthread.join()\n",
    ],
    ids=["plain", "in a function", "in a loop", "in a thread"],
)
def test_a_script_without_a_guard_reads_in_its_own_process_and_says_why(script, tmp_path):
    said = output(tmp_path, script)
    assert "workers 0" in said
    assert 'script.py has no line `if __name__ == "__main__":` above its calls' in said


@pytest.mark.parametrize(
    "script",
    [
        START + f"if __name__ == '__main__':\n    {CALL}",
        START + f"def main():\n    {CALL}\nif __name__ == '__main__':\n    main()\n",
        START + "if __name__ != '__main__':\n    raise SystemExit\n" + CALL,
        START + CALL.replace("'spawn'", "'fork'"),
    ],
    ids=["guard", "guarded function", "left above", "fork"],
)
def test_a_script_that_workers_can_import_starts_them(script, tmp_path):
    assert output(tmp_path, script) == "workers 2\n"


def test_code_without_a_file_starts_workers():
    done = subprocess.run(
        [sys.executable, "-c", START + CALL], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("workers 2\n", "")


def test_a_worker_that_runs_the_script_again_ends_with_the_reason(tmp_path):
    script = START + (
        "import multiprocessing\n"
        f"{CALL.replace('spawn', 'fork')}"
        "if __name__ == '__main__':\n"
        "    process = multiprocessing.get_context('spawn').Process(target=print)\n"
        "    process.start()\n"
        "    process.join()\n"
    )
    said = output(tmp_path, script)
    assert "ConfigError: a worker process runs the script again" in said
    assert 'Put the script\'s calls below a line `if __name__ == "__main__":`.' in said


FORK = """
import os, signal, torch
from lpt.machine.processes import one_thread_in_forks
one_thread_in_forks()
torch.set_num_threads(2)
x = torch.ones(300, 300)
(x @ x).tanh()
if os.fork() == 0:
    signal.alarm(60)
    print("child", float((x @ x).tanh().sum()), torch.get_num_threads(), flush=True)
    os._exit(0)
print("ended", os.wait()[1], torch.get_num_threads())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_of_a_process_that_computed_on_two_threads_computes(tmp_path):
    assert output(tmp_path, FORK) == "child 90000.0 1\nended 0 2\n"
