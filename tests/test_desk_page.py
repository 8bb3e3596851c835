"""describe.py --serve in a real browser, at desktop and phone size, by mouse and by keyboard; what its server refuses.

Needs: chromium, models/ and build/llama.cpp (python fetch.py smollm2 llama.cpp); else they skip aloud.
"""

import base64
import os
import re
import signal
import urllib.parse

import pytest
from browser import CHROMIUM, Browser
from conftest import ROOT, run_script, start
from test_review_page import post

from llm_ts.base import paths
from llm_ts.desk import serve

pytestmark = pytest.mark.slow

TREND = [3 * t + (7 * t * t) % 5 for t in range(60)]
TABLE = "year,up,down\n" + "".join(f"{1900 + t},{TREND[t]},{-TREND[t]}\n" for t in range(60))
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
DONE = "document.querySelector('#facts') && !document.querySelector('#message').textContent"
SIZES = {"desktop": (1200, 900, False), "phone": (390, 800, True)}


@pytest.fixture(scope="module")
def page(adapter, smollm2, tmp_path_factory):
    """(address, folder for temporary files) of the page, beside a folder with another student in it."""
    folder, temporary = tmp_path_factory.mktemp("desk"), tmp_path_factory.mktemp("temporary")
    os.symlink(os.path.dirname(adapter), folder / "toy")
    script = start("describe.py", "--serve", "--port", 0, cwd=folder, env={**os.environ, "TMPDIR": str(temporary)}, stderr=None)
    yield next(line.split()[1] for line in script.stdout if line.startswith("page: ")), temporary
    script.send_signal(signal.SIGINT)
    out, _ = script.communicate(timeout=60)
    assert script.returncode == 0 and out.endswith("stopped\n")
    assert not os.listdir(temporary)


@pytest.fixture(params=list(SIZES))
def browser(request, tmp_path, page):
    if not CHROMIUM:
        pytest.skip("chromium is missing: the page was not opened in a browser")
    made = Browser(tmp_path / "profile")
    width, height, mobile = SIZES[request.param]
    made.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
    made.open(page[0], "document.querySelector('#student option')")
    made.width = width
    yield made
    made.close()


def key(browser, name, code, **more):
    for kind in ("rawKeyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **more)


def tab_to(browser, name):
    """Press Tab until an element has the focus."""
    for _ in range(40):
        if browser.value("document.activeElement.id") == name:
            return
        key(browser, "Tab", 9)
    raise AssertionError(f"Tab does not lead to #{name}")


def test_dropped_chosen_and_described_with_all_claims_marked(page, browser, tmp_path):
    (tmp_path / "years.csv").write_text(TABLE)
    data = {"items": [], "files": [str(tmp_path / "years.csv")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        browser.call("Input.dispatchDragEvent", type=kind, x=100, y=100, data=data)
    browser.wait("document.querySelector('#message.bad')", 60)
    assert "which column?" in browser.text("#message") and "years.csv" in browser.text("#message")
    assert browser.value("[...document.querySelector('#column').options].map(one => one.value)") == ["", "up", "down"]
    assert browser.value("document.activeElement.id") == "column"
    key(browser, "ArrowDown", 40)  # the keyboard alone from here
    browser.wait(DONE, 200)
    said = browser.text("#claims")
    assert said.count("✓") == 4 and "trend: increasing" in said and "max: end" in said and "min: beginning" in said
    assert browser.text("#found h2") == "series: up of years.csv, 60 points, 0 in 1900 to 179 in 1959; 1 of them zero"
    assert "first 0 in 1900" in browser.text("#facts") and "highest 179 in 1959" in browser.text("#facts")
    assert "rises from 0 in 1900 to 179 in 1959" in browser.text("#paragraph")
    assert browser.value("document.querySelectorAll('#text').length") == 1
    marks = "['.fit', '.band', 'circle.max', 'circle.min'].map(m => document.querySelector(`svg ${m}`).classList.contains('right'))"
    assert browser.value(marks) == [True] * 4
    points = browser.value("[...document.querySelector('polyline').points].map(p => [p.x, p.y])")
    for claim, place in (("max", TREND.index(max(TREND))), ("min", 0)):
        at = browser.value(f"(d => [+d.getAttribute('cx'), +d.getAttribute('cy')])(document.querySelector('circle.{claim}'))")
        assert at == pytest.approx(points[place], abs=0.01)
    outside = """[...document.querySelectorAll('svg text')].filter(text => { const box = text.getBBox(), all = text.ownerSVGElement.viewBox.baseVal;
        return box.x < 0 || box.y < 0 || box.x + box.width > all.width || box.y + box.height > all.height; }).length"""
    assert browser.value(outside) == 0
    assert browser.value("document.documentElement.scrollWidth") <= browser.width  # nothing sticks out at the side
    colour = browser.value("getComputedStyle(document.querySelector('circle.max')).stroke")
    assert colour == browser.value("getComputedStyle(document.querySelector('.chip.right')).color")  # its style holds
    key(browser, "ArrowDown", 40)
    browser.wait("document.querySelector('#found h2')?.textContent.startsWith('series: down of')", 60)
    assert "trend: decreasing" in browser.text("#claims")


def test_pasted_and_read_as_told_by_keyboard_alone_with_another_student(page, browser):
    tab_to(browser, "text")
    browser.type("t;v\n" + "\n".join(f"{t};{v + 1},500" for t, v in enumerate(TREND)))  # thousands, or three decimals?
    key(browser, "Enter", 13, modifiers=2)
    browser.wait("document.querySelector('#message.bad')", 60)
    assert "“decimal mark” ,)" in browser.text("#message") and browser.value("document.querySelector('details').open")
    assert browser.value("document.activeElement.id") == "decimal"  # what decides has the focus already
    browser.press(",")
    browser.wait(DONE + " && document.querySelector('#facts').textContent.includes('180.5')", 60)
    assert "of pasted numbers, 60 points, 1.5 at 0 to 180.5 at 59" in browser.text("#found h2")
    browser.value("document.querySelector('#student').focus()")
    assert browser.value("[...document.querySelector('#student').options].map(one => one.textContent)")[-1] == "toy"
    key(browser, "End", 35)
    browser.wait("document.querySelectorAll('.chip.unread, .chip.ambiguous').length", 200)
    assert browser.text("#facts").startswith("Computed: first 1.5")


def choose(browser, path):
    """Choose a file in the page's field."""
    root = browser.call("DOM.getDocument")["root"]["nodeId"]
    node = browser.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    browser.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


def test_a_file_that_is_too_large_takes_the_place_of_the_one_before(page, browser, tmp_path):
    (tmp_path / "small.csv").write_text("x\n" + "\n".join(map(str, TREND)))
    (tmp_path / "large.csv").write_bytes(b"5\n" * (serve.LARGEST // 2 + 1))
    choose(browser, tmp_path / "small.csv")
    browser.wait(DONE, 200)
    choose(browser, tmp_path / "large.csv")
    browser.wait("document.querySelector('#message.bad')", 60)
    assert "large.csv is too large: 20 MB at most" in browser.text("#message") and not browser.text("#found")
    browser.value("document.querySelector('#go').click()")
    assert browser.value("new Promise(done => setTimeout(() => done(document.querySelector('#found').textContent), 500))") == ""


def test_hostile_texts_are_shown_and_do_nothing(page, browser, tmp_path):
    lines = "\n".join(f"{t};{HOSTILE};{TREND[t]}" for t in range(60))
    name = tmp_path / "<img src=x onerror=alert(1)>.csv"
    name.write_text(f"t;text;{HOSTILE}\n{lines}\n")
    choose(browser, name)
    browser.wait(DONE, 200)
    head = browser.text("#found h2")
    assert HOSTILE[:40] in browser.text("svg") and HOSTILE in head and "<img src=x" in head
    assert browser.value("[document.title, document.images.length, document.scripts.length]") == ["Describe a series", 0, 1]
    browser.value("document.body.insertAdjacentHTML('beforeend', `<svg><image href=x onerror=\"document.title='owned'\"/></svg>`)")
    title = browser.value("new Promise(done => setTimeout(() => done(document.title), 200))")
    assert title == "Describe a series"  # the policy holds


def test_what_the_server_refuses(page):
    address, temporary = page
    parts = urllib.parse.urlsplit(address)
    good = {"student": paths.SHIPPED, "name": "a.csv", "data": base64.b64encode(TABLE.encode()).decode(), "column": "up"}
    for status, body, heads in [
        (403, good, {"Origin": "http://evil.example"}),
        (413, b"x", {"Content_Length": serve.App.longest_body + 1}),
        (400, {**good, "student": "/etc"}, {}),
        (400, {**good, "student": ""}, {}),
        (400, {**good, "data": "~~~"}, {}),
        (400, {**good, "data": "é"}, {}),
        (400, {**good, "skip": "-1"}, {}),
        (400, {**good, "last": 7}, {}),
    ]:
        found, said = post(address, "describe", body, **heads)
        assert (found, list(said)) == (status, ["error"]), (body, said)
    for name, content, why in [
        ("empty.csv", b"", "empty.csv is empty"),
        ("p.png", b"\x89PNG\r\n\x1a\n", "p.png is no picture that can be read (give PNG or JPEG): UnidentifiedImageError"),
        ("c.csv", b"a\n" + b"5\n" * 20, "constant"),
        ("w.csv", b"a\nx\n", "no column of numbers"),
        ("few.csv", b"a\n1\n2\n", "few.csv: "),
        ("../../etc/passwd\x1b[31m", TABLE.encode(), "which column?"),
    ]:
        found, said = post(address, "describe", {**good, "column": "", "name": name, "data": base64.b64encode(content).decode()})
        assert found in (200, 409) and why in said["error"] and not os.listdir(temporary)
        assert not [text for text in ("\n", "\x1b", str(temporary)) if text in said["error"]]
    found, said = post(address, "describe", good)
    right = {"said": "increasing", "true": "increasing", "verdict": "right", "clear": True}
    assert found == 200 and said["claims"]["trend"] == right
    with open(serve.App.page, encoding="utf-8") as file:
        assert not re.search(r"https?://", file.read())  # loads nothing from anywhere
    for bad in (("--port", parts.port), ("--port", "70000"), ("examples/nile.csv",), ("--model", "nowhere")):
        assert len(run_script("describe.py", "--serve", *bad, cwd=ROOT, code=2).stderr.strip().splitlines()) == 1
