"""`lpt doctor`: what is here, and exit code 1 if something is wrong with it."""

import json


def test_it_reports_the_installation_and_writes_nothing(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = command("doctor")
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines() if line]
    assert names[:4] == ["lpt", "python", "system", "packages"]
    assert {"devices", "used", "memory", "cache", "here", "formats", "trial"} <= set(names)
    assert str(tmp_path / "cache") in out
    assert not list(tmp_path.iterdir())
    code, out, _ = command("doctor", "--json")
    assert json.loads(out)["healthy"] is True


def test_a_problem_is_exit_code_one(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cache").touch()  # a file where the cache should be
    code, out, err = command("doctor", "--json")
    found = json.loads(out)
    assert (code, err) == (1, "")
    assert found["healthy"] is False
    assert [one["kind"] for one in found["problems"]].count("problem") == 1
