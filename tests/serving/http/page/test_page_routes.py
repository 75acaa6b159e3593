"""The page in a browser: offline, no errors, on a phone and in the dark, by keyboard alone."""

import base64
import io
import time

import pytest
from PIL import Image

GIVE = """
(() => {
  const bytes = Uint8Array.from(atob("%s"), (c) => c.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], "photo.png", { type: "image/png" }));
  %s
})()
"""
CHOOSE = """
const input = document.getElementById('files');
input.files = given.files;
input.dispatchEvent(new Event('change'));
"""
DROP = "document.dispatchEvent(new DragEvent('drop', { dataTransfer: given, cancelable: true }));"


def photo(size: int = 64) -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((size, size)).convert("RGB").save(stream, "PNG")
    return stream.getvalue()


def wait_for(browser, expression: str, seconds: float = 5) -> None:
    ends = time.monotonic() + seconds
    while not browser.value(expression):
        assert time.monotonic() < ends, browser.value("document.body.innerText")
        time.sleep(0.02)


def opened(browser, server, query: str = "") -> None:
    browser.requests.clear()
    browser.complaints.clear()
    browser.open_url(server.url + "/" + query)
    wait_for(browser, "document.getElementById('about').textContent.includes('classes')")


def give(browser, content: bytes, how: str = CHOOSE) -> None:
    browser.value(GIVE % (base64.b64encode(content).decode(), how))
    wait_for(browser, "document.getElementById('status').textContent.includes('classified')")


def text(browser, selector: str) -> str:
    return browser.value(f"document.querySelector({selector!r}).innerText")


def test_the_page_and_its_files_allow_nothing_from_elsewhere(client):
    for path in ("/", "/page/page.css", "/page/serve_page.js", "/page/icon.svg"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in answer.text
    assert client.get("/page/../page_routes.py").status_code == 404


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_a_photo_is_classified_without_errors_in_every_look(browser, server, width, dark, tmp_path):
    browser.look(width=width, dark=dark)
    opened(browser, server)
    give(browser, photo())
    assert text(browser, "h3") == "dog"
    assert "rare: 1 training image" in text(browser, ".classes li")
    assert browser.complaints == []
    assert [r for r in browser.requests if not r.startswith((server.url, "blob:"))] == []
    assert browser.value("document.documentElement.scrollWidth") <= width
    background = browser.value("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")


def test_a_dropped_photo_and_a_bad_one_are_answered(browser, server):
    opened(browser, server)
    give(browser, photo(), DROP)
    assert text(browser, "h3") == "dog"
    give(browser, b"nonsense")
    assert text(browser, "h3") == "No result"
    assert "Not an image." in text(browser, "article .problem")
    assert "0 of 1 classified" in text(browser, "#status")


def test_below_the_threshold_the_page_is_not_sure(browser, server):
    opened(browser, server)
    browser.value("document.getElementById('threshold').value = '90'")
    give(browser, photo())
    assert text(browser, "h3") == "Not sure"
    assert "The best guess is dog" in text(browser, "article")


def test_the_nearest_training_images_are_shown_once_they_are_read(browser, server, tasks):
    tasks.preparing = 1
    opened(browser, server)
    give(browser, photo())
    assert "reading the training images" in text(browser, ".near")
    browser.value("document.querySelector('.near button').click()")
    wait_for(browser, "document.querySelectorAll('.nearest img').length === 3")
    wait_for(browser, "[...document.querySelectorAll('.nearest img')].every((i) => i.naturalWidth)")
    assert "similarity 0.30" in text(browser, ".nearest")
    alt = browser.value("document.querySelector('.nearest img').alt")
    assert alt == "Training image of dog"
    assert "Of 350 training images" in text(browser, ".near")
    opened(browser, server, "?task=plain")
    give(browser, photo())
    assert browser.value("document.querySelectorAll('.near').length") == 0


def test_names_of_classes_are_never_markup(browser, server):
    opened(browser, server)
    give(browser, photo())
    assert "<script>alert(1)</script>" in text(browser, ".classes")
    assert browser.value("document.querySelectorAll('main script').length") == 0


def test_the_accuracy_of_rare_classes_is_shown_where_it_is_known(browser, server):
    opened(browser, server)
    rare = browser.value("document.querySelector('#quality-rows .rare').parentNode.innerText")
    assert rare.split() == ["Rare", "2", "7", "80.0", "%"]
    assert "fewer than 20 training images" in text(browser, "#quality-about")
    opened(browser, server, "?task=plain")
    assert browser.value("document.getElementById('task').value") == "plain"
    assert browser.value("document.getElementById('quality').hidden")


def test_a_task_that_failed_is_not_offered(browser, server):
    opened(browser, server)
    options = browser.value("[...document.getElementById('task').options].map((o) => o.value)")
    assert options == ["insects", "plain"]


def test_every_control_is_reached_by_tab_and_has_a_name(browser, server):
    browser.look(width=1280)
    opened(browser, server)
    reached = []
    for _ in range(6):
        browser.call(
            "Input.dispatchKeyEvent", type="rawKeyDown", key="Tab", windowsVirtualKeyCode=9
        )
        browser.call("Input.dispatchKeyEvent", type="keyUp", key="Tab", windowsVirtualKeyCode=9)
        reached.append(
            browser.value("document.activeElement.id || document.activeElement.className")
        )
    assert reached[:4] == ["skip", "task", "threshold", "files"]
    browser.call("Accessibility.enable")
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"]
    }
    assert ("combobox", "Task") in named
    assert ("spinbutton", "Not sure below") in named
    assert ("button", "Choose photos") in named
    assert ("heading", "Classify photos") in named
    assert any(role == "status" for role, _ in named)


def test_a_server_that_drains_is_a_sentence(browser, server, tasks):
    opened(browser, server)
    tasks.draining = True
    browser.value(GIVE % (base64.b64encode(photo()).decode(), CHOOSE))
    wait_for(browser, "!!document.querySelector('article .problem')")
    assert "shutting down. Try again in 1 s." in text(browser, "article .problem")
