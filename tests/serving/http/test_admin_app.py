"""Admin calls need the token, and a port of their own; the main port has none of them."""

import pytest
import tritonclient.http as triton
from starlette.testclient import TestClient

from lpt.serving.http import HttpSettings, create_admin_app

TOKEN = "correct horse battery"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def admin(tasks) -> TestClient:
    app = create_admin_app(tasks, HttpSettings(admin_port=1, admin_token=TOKEN))
    return TestClient(app, base_url="http://localhost")


def test_the_client_of_the_protocol_lists_loads_and_unloads(server_with, tasks):
    server = server_with(admin_port=0, admin_token=TOKEN)
    client = triton.InferenceServerClient(server.admin_url.removeprefix("http://"))
    listed = {one["name"]: one for one in client.get_model_repository_index(HEADERS)}
    assert listed["insects"]["state"] == "READY"
    assert listed["broken"]["state"] == "UNAVAILABLE"
    assert listed["broken"]["reason"] == "broken: another backbone."
    client.load_model("insects", HEADERS)
    client.unload_model("plain", HEADERS)
    assert tasks.calls == [("index",), ("load", "insects"), ("unload", "plain")]
    client.close()


@pytest.mark.parametrize(
    "given", [None, "", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ", "Bearer é"]
)
def test_without_the_token_nothing_is_done(admin, tasks, given):
    headers = {} if given is None else {"Authorization": given.encode()}
    for path in ("index", "models/insects/load", "models/insects/unload"):
        answer = admin.post(f"/v2/repository/{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert tasks.calls == []


@pytest.mark.parametrize("name", ["..", "%2e%2e%2fetc", "a/b", "http:%2F%2Fx", "a" * 65])
def test_only_names_are_loaded(admin, tasks, name):
    answer = admin.post(f"/v2/repository/models/{name}/load", headers=HEADERS)
    assert answer.status_code in (404, 422)
    assert tasks.calls == []


def test_the_main_port_has_no_admin_calls(client):
    assert client.post("/v2/repository/index", headers=HEADERS).status_code == 404
    assert client.post("/v2/repository/models/insects/load", headers=HEADERS).status_code == 404
