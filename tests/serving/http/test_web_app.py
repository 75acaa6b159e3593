"""The application as a whole: its OpenAPI document holds, and no name from outside opens a file."""

import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from lpt.serving.http import HttpSettings, create_admin_app, create_app

from .fake_tasks import FakeTasks

TOKEN = "t" * 16
TASKS = FakeTasks()
SETTINGS = HttpSettings(admin_port=1, admin_token=TOKEN)
APP = create_app(TASKS, HttpSettings(allow_public=True, host="0.0.0.0"))
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", APP)


def cases(few: int, many: int) -> int:
    """Number of examples: the many with `make examples`."""
    return many if settings.get_current_profile_name() == "fuzz" else few


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    TASKS.close()


@pytest.mark.slow
@SCHEMA.parametrize()
@settings(max_examples=cases(3, 1200), suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_states(case):
    if case.path_parameters and len(case.path_parameters.get("task", "")) % 2:
        case.path_parameters["task"] = "insects"
    # A body of the right type may still hold no image, which is a 422.
    case.call_and_validate(excluded_checks=[positive_data_acceptance])


names = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from(
            ["..", ".", "/", "\\", "%2f", "etc", "passwd", "insects", "@", "http:", "\0", "~", "C:"]
        ),
        max_size=8,
    ).map("".join),
)
ROUTES = [
    ("GET", "/v1/tasks/{}"),
    ("POST", "/v1/tasks/{}/predict"),
    ("GET", "/v2/models/{}"),
    ("POST", "/v2/models/{}/infer"),
    ("GET", "/v2/models/insects/versions/{}/ready"),
    ("POST", "/hf/{}"),
    ("GET", "/page/{}"),
    ("GET", "/{}"),
    ("POST", "/v2/repository/models/{}/load"),
]


OPENS = {"open", "os.listdir", "os.scandir", "socket.connect"}


@pytest.fixture
def opened_files() -> Iterator[list[str]]:
    """Names of all files that are opened from now on, as the interpreter reports them."""
    found: list[str] = []
    watching = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in OPENS and not str(arguments[0]).endswith(".py"):
            found.append(f"{event} {arguments[0]}")  # tracebacks read our source files

    sys.addaudithook(note)  # for the rest of the process
    yield found
    watching = False


def test_no_name_or_path_from_outside_opens_a_file(opened_files):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    admin_app = create_admin_app(TASKS, SETTINGS)
    with (  # one event loop for all requests
        TestClient(APP, raise_server_exceptions=False) as main,
        TestClient(admin_app, "http://localhost", raise_server_exceptions=False) as admin,
    ):

        def ask(method: str, path: str) -> int:
            client = admin if "repository" in path else main
            url = f"http://localhost{path}"
            return client.request(method, url, content=b"image:0", headers=headers).status_code

        @given(st.sampled_from(ROUTES), names, st.booleans())
        @settings(max_examples=cases(200, 10_000), database=None)
        def no_file(route: tuple[str, str], name: str, whole: bool) -> None:
            name = name.encode("utf-8", "replace").decode()
            path = route[1].format(quote(name, safe="" if whole else "/"))
            opened_files.clear()
            status = ask(route[0], path)
            assert status < 500, path
            assert not opened_files, (path, opened_files)

        for method, path in ROUTES:
            ask(method, path.format("insects"))  # what a first request imports
        no_file()
    assert {call[1] for call in TASKS.calls} <= {"insects"}


def test_nothing_but_the_http_side_imports_a_web_framework():
    source = Path(__file__).parents[3] / "src" / "lpt"
    for path in source.rglob("*.py"):
        if "serving/http/" not in path.as_posix():
            text = path.read_text(encoding="utf-8")
            for name in ("fastapi", "uvicorn", "starlette", "prometheus_client"):
                assert f"import {name}" not in text, path
                assert f"from {name}" not in text, path


def test_pages_that_load_scripts_from_elsewhere_are_off(client):
    assert client.get("/docs").status_code == 404
    assert client.get("/redoc").status_code == 404
    assert client.get("/openapi.json").json()["info"]["title"] == "lpt serve"
