"""The local page: for the person at this machine only, offline, by keyboard alone."""

import http.client
import json
import time
import urllib.request
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from lpt.data.check.corrections import read_corrections
from lpt.errors import ConfigError
from lpt.review.review_server import ReviewServer
from lpt.review.run_review import RunReview

JSON = {"Content-Type": "application/json"}


def ask(server, path, body=None, method=None, **headers):
    """Status, headers and body of an answer. Paths without a / are below the token."""
    url = urlsplit(server.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    target = path if path.startswith("/") else url.path + path
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        named = {**JSON, **named}
    connection.request(method or ("GET" if body is None else "POST"), target, content, named)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def decision(item=0, decision="drop", corrected=""):
    return {"item": item, "decision": decision, "corrected": corrected}


def test_items_pictures_and_decisions_are_below_the_token(server, run):
    status, headers, body = ask(server, "items")
    assert status == 200
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    items = json.loads(body)["items"]
    status, headers, body = ask(server, "images/" + items[0]["image"])
    assert (status, headers["Content-Type"], body[:2]) == (200, "image/jpeg", b"\xff\xd8")
    assert ask(server, "decisions", decision())[2] == b'{"decided": 1}'
    assert len(read_corrections(run / "corrections.csv")) == 1


@pytest.mark.parametrize("path", ["/", "/items", "/x/items", "/" + "A" * 32 + "/items", "//"])
def test_nothing_is_told_without_the_token(server, path):
    status, _, body = ask(server, path)
    assert status == 404
    assert json.loads(body) == {"error": "Open the address that the terminal shows."}
    assert ask(server, path, decision())[0] == 404


def test_another_web_page_can_neither_read_nor_decide(server, run):
    port = urlsplit(server.url).port
    assert ask(server, "items", Host=f"evil.example:{port}")[0] == 421
    assert ask(server, "items", Host=f"localhost:{port}")[0] == 200
    assert ask(server, "items", Host="127.0.0.1")[0] == 421
    assert ask(server, "decisions", decision(), Origin="http://evil.example")[0] == 403
    assert ask(server, "decisions", decision(), Origin="null")[0] == 403
    assert ask(server, "decisions", decision(), Content_Type="text/plain")[0] == 415
    assert not (run / "corrections.csv").exists()
    assert ask(server, "decisions", decision(), Origin=f"http://127.0.0.1:{port}")[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        decision(item=3),
        decision(item=-1),
        decision(decision="remove"),
        decision(decision="change", corrected="Bee"),
        {**decision(), "more": 1},
    ],
)
def test_what_is_no_decision_is_refused(server, run, body):
    status, _, answer = ask(server, "decisions", body)
    assert status == 400
    assert "Traceback" not in json.loads(answer)["error"]
    assert not (run / "corrections.csv").exists()


def test_odd_requests_are_refused(server):
    assert ask(server, "decisions", b"x" * 20_000)[0] == 413
    assert ask(server, "nothing")[0] == 404
    assert ask(server, "nothing", {})[0] == 404
    assert ask(server, "images/train-999999")[0] == 404
    assert ask(server, "images/secret-0")[0] == 404
    assert ask(server, "../../../etc/passwd")[0] == 404
    status, headers, body = ask(server, "items", method="DELETE")
    assert (status, headers["Server"].strip()) == (501, "lpt")
    assert json.loads(body) == {"error": "This request cannot be answered."}


@pytest.mark.parametrize(("fault", "shown"), [(BrokenPipeError, False), (ArithmeticError, True)])
def test_a_browser_that_leaves_early_is_no_error(server, monkeypatch, capsys, fault, shown):
    def fail(*arguments):
        raise fault

    monkeypatch.setattr(RunReview, "picture", fail)
    image = json.loads(ask(server, "items")[2])["items"][0]["image"]
    with pytest.raises(http.client.RemoteDisconnected):
        ask(server, "images/" + image)
    assert (fault.__name__ in capsys.readouterr().err) is shown


def test_a_port_in_use_is_named(server, run):
    with pytest.raises(ConfigError, match=r"port \d+: cannot be used \(.*\)\. Choose another"):
        ReviewServer(RunReview.open(run, labels=0), urlsplit(server.url).port)


def test_the_page_loads_nothing_from_elsewhere(server):
    for path in ("", "review.css", "review_page.js"):
        with urllib.request.urlopen(server.url + path) as answer:
            assert b"http" not in answer.read().replace(b"https", b"http")
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    with pytest.raises(HTTPError):
        urllib.request.urlopen(server.url + "review_server.py")


def wait_for(browser, expression, seconds=5):
    ends = time.monotonic() + seconds
    while not browser.value(expression):
        assert time.monotonic() < ends, browser.value("document.body.innerText")
        time.sleep(0.02)


def opened(browser, server):
    browser.requests.clear()
    browser.complaints.clear()
    browser.open_url(server.url)
    wait_for(browser, "!document.getElementById('item').hidden")


def press(browser, key):
    code = {"ArrowRight": 39, "ArrowLeft": 37, "Enter": 13}.get(key, ord(key[0].upper()))
    text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
    browser.call(
        "Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text
    )
    browser.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)


def status_is(browser, text):
    wait_for(browser, f"document.getElementById('status').textContent === {text!r}")


def test_a_review_by_keys_alone_fills_the_list(browser, server, run):
    browser.look(width=1280)
    opened(browser, server)
    status_is(browser, "Image 1 of 3, 0 decided.")
    assert browser.value("document.getElementById('question').textContent") == (
        "Labelled ant. Is it bee?"
    )
    about = browser.value("document.getElementById('about').textContent")
    assert about == "The label of this training image is wrong with a probability of 99.0 %."
    press(browser, "s")
    status_is(browser, "Image 2 of 3, 1 decided.")
    press(browser, "o")
    for letter in "dog":
        press(browser, letter)
    press(browser, "Enter")
    status_is(browser, "Image 3 of 3, 2 decided.")
    press(browser, "y")
    status_is(browser, "Image 3 of 3, 3 decided.")
    press(browser, "d")
    wait_for(browser, "document.getElementById('decision').textContent.startsWith('Left out')")
    press(browser, "ArrowLeft")
    press(browser, "u")
    status_is(browser, "Image 2 of 3, 2 decided.")
    rows = read_corrections(run / "corrections.csv")
    assert [(row.name, row.decision, row.corrected) for row in rows] == [
        ("ant/00.png", "change", "bee"),
        ("ant/04.png", "drop", ""),
    ]
    assert browser.complaints == []


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_works_offline_on_a_phone_and_a_screen(browser, server, width):
    browser.look(width=width, dark=width == 390)
    opened(browser, server)
    wait_for(browser, "[...document.images].every((image) => image.naturalWidth)")
    assert browser.value("document.images.length") == 9
    own = server.url
    assert [r for r in browser.requests if not r.startswith(own)] == []
    assert browser.complaints == []
    assert browser.value("document.documentElement.scrollWidth") <= width


def test_an_unknown_class_is_a_sentence_and_finish_ends_the_review(browser, server, run):
    opened(browser, server)
    browser.value("document.getElementById('corrected').value = '<b>Bee</b>'")
    browser.value("document.querySelector('#form button').click()")
    wait_for(browser, "!document.getElementById('problem').hidden")
    said = browser.value("document.getElementById('problem').textContent")
    assert "the data has no class '<b>Bee</b>'" in said
    browser.value("document.getElementById('finish').click()")
    wait_for(browser, "document.getElementById('status').textContent.startsWith('Finished')")
    server.wait()
    assert not (run / "corrections.csv").exists()


def test_a_review_that_goes_on_starts_at_the_first_undecided_image(browser, run):
    RunReview.open(run, labels=0).decide(0, "confirm")
    with ReviewServer(RunReview.open(run, labels=0)) as server:
        opened(browser, server)
        status_is(browser, "Image 2 of 3, 1 decided.")
