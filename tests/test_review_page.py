"""curate.py --review in a real browser, by keyboard; killed and started again; what its server refuses.

Needs: chromium for the page (else those tests skip aloud).
"""

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import urllib.parse

import pytest
from conftest import ROOT, run_script, start
from described import bytes_of, curated_of, other, rows_of, rows_with_gold, write_rows
from test_review import table_of

from llm_ts.question import STUDY

HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script> The trend falls & "rises".'


def wrong_rows(count):
    """Rows whose gold trend contradicts a clear truth; a second teacher, who was asked about half, agrees with the truth."""
    rows = [row for row in rows_with_gold(4 * count) if row["truth"]["clear"]["trend"]][:count]
    for number, row in enumerate(rows):
        row["gold"]["trend"] = f"The trend is {other('trend', row['truth']['trend'])}."
        if number % 2:
            says = {**row["truth"]["sentences"], "trend": f"All in all, the trend is {row['truth']['trend']}."}
            row["second"] = {"gold": says, "teacher": {"model": "another"}}
    return rows


@pytest.fixture
def folder(tmp_path):
    write_rows(tmp_path, wrong_rows(16))
    return tmp_path


@contextlib.contextmanager
def reviewing(folder, *flags):
    """The script with its page -> (process, address); killed at the end if it still runs."""
    script = start("curate.py", "--review", "--port", 0, *flags, cwd=folder, stderr=subprocess.PIPE)
    try:
        address = next((line.split()[1] for line in script.stdout if line.startswith("page: ")), None)
        assert address, script.stderr.read()
        yield script, address
    finally:
        script.kill()
        script.communicate()


def decisions_in(folder):
    return {line["id"]: (line["decision"], line["own"]) for line in table_of(folder) if line["decision"]}


def press_and_wait(browser, *keys):
    """Press keys, and wait until all that they ask for is answered."""
    browser.press(*keys)
    browser.value("line")


@pytest.mark.slow
def test_ten_rows_by_keyboard_with_a_kill_and_a_second_start(folder, browser):
    rows = {row["id"]: row for row in rows_of(folder)}
    ids = list(rows)
    order = ids[1::2] + ids[::2]  # first where the two teachers disagree
    expected = {}

    def shows(row_id, done):
        assert browser.text("#title").startswith(row_id + " ") and browser.text("#count") == f"{done} of 16 decided"
        assert decisions_in(folder) == expected

    with reviewing(folder) as (script, address):
        browser.open(address, "document.querySelector('#choose-gold')")
        shows(order[0], 0)
        assert "the two teachers disagree" in browser.text("#reason")
        claim, label = "trend", rows[order[0]]["truth"]["trend"]
        assert f"✓ {claim}: {label}" in browser.text("#choose-truth") and "✗ trend" in browser.text("#choose-gold")
        press_and_wait(browser, "g")
        expected[order[0]] = ("gold", "")
        shows(order[1], 1)
        press_and_wait(browser, "t")
        expected[order[1]] = ("truth", "")
        shows(order[2], 2)
        press_and_wait(browser, "s")
        expected[order[2]] = ("own", rows[order[2]]["second"]["gold"]["trend"])
        shows(order[3], 3)
        press_and_wait(browser, "o")
        browser.wait("document.activeElement.id === 'own'")
        browser.type("The curve climbs, stop and go.")  # its letters are no commands
        browser.wait("document.querySelector('#own-read').textContent.includes('trend: increasing')")
        shows(order[3], 3)
        press_and_wait(browser, "Enter")
        expected[order[3]] = ("own", "The curve climbs, stop and go.")
        shows(order[4], 4)
        press_and_wait(browser, "t", "g")  # quick fingers: both count
        expected |= {order[4]: ("truth", ""), order[5]: ("gold", "")}
        shows(order[6], 6)
        press_and_wait(browser, "ArrowLeft", "Delete")
        del expected[order[5]]
        shows(order[5], 5)
        script.send_signal(signal.SIGKILL)
        script.wait()
        press_and_wait(browser, "t")
        assert browser.text("#message").startswith("Not saved: the script does not answer")
        shows(order[5], 5)
    kept = curated_of(folder)
    for row_id, (decision, own) in expected.items():
        text = own or (rows[row_id]["gold"] if decision == "gold" else rows[row_id]["truth"]["sentences"])["trend"]
        assert (kept[row_id]["trend"]["status"], kept[row_id]["trend"]["text"]) == ("verified", text)
    with reviewing(folder) as (script, address):
        browser.open(address, "document.querySelector('#choose-gold')")
        shows(order[5], 5)
        press_and_wait(browser, "o")
        browser.type("Nothing of this.")
        press_and_wait(browser, "Escape")
        shows(order[5], 5)
        press_and_wait(browser, "ArrowLeft", "g")  # another mind about an earlier one, then on to the next open one
        expected[order[4]] = ("gold", "")
        shows(order[5], 5)
        press_and_wait(browser, "ArrowLeft", "ArrowLeft", "Delete")
        del expected[order[3]]
        shows(order[3], 4)
        press_and_wait(browser, "t", *"tttttt")
        expected |= {order[k]: ("truth", "") for k in (3, 5, 6, 7, 8, 9, 10)}
        shows(order[11], 11)
        press_and_wait(browser, "q")
        assert browser.text("#message").startswith("The script has ended")
        out, error = script.communicate(timeout=60)
        assert script.returncode == 0 and not error and "to_verify_sentences: 5 (" in out
    assert decisions_in(folder) == expected and len(expected) == 11
    before = bytes_of(folder)
    run_script("curate.py", cwd=folder)  # a spreadsheet's way from here: nothing changes
    assert bytes_of(folder) == before


@pytest.mark.slow
def test_quick_letters_for_a_sentence_are_no_commands(folder, browser):
    """`o` waits for a slow answer to `g`; the `t` of a sentence that begins too early must not decide for the truth."""
    with reviewing(folder) as (_, address):
        browser.open(address, "document.querySelector('#choose-gold')")
        slow = "new Promise(done => setTimeout(done, 300))"
        browser.value(f"void (realFetch = fetch, fetch = (...asked) => {slow}.then(() => realFetch(...asked)))")
        press_and_wait(browser, "g", "o", "t")
        assert browser.value("document.activeElement.id") == "own"
        browser.press("ArrowRight", "u", "x")  # a key's way, not insertText's: the marks go to the end, the letters into it
        assert browser.value("document.activeElement.value").endswith(".ux")
        assert list(decision for decision, _ in decisions_in(folder).values()) == ["gold"]


@pytest.mark.slow
def test_the_plot_shows_the_numbers_under_the_pointer(folder, browser):
    rows = {row["id"]: row for row in rows_of(folder)}
    with reviewing(folder) as (_, address):
        browser.open(address, "document.querySelector('#choose-gold')")
        row = rows[browser.text("#title").split()[0]]
        places = browser.value("""(() => { const line = document.querySelector('polyline'), matrix = line.getScreenCTM();
            return [...line.points].map(p => [p.x * matrix.a + matrix.e, p.y * matrix.d + matrix.f]); })()""")
        heights = [y for _, y in places]
        assert len(places) == len(row["series"]) == 48
        scale = (max(heights) - min(heights)) / 99
        assert [round((max(heights) - y) / scale) for y in heights] == row["series"]
        for i in (0, 7, 31, 47):
            browser.point_at(places[i][0] + 1, 200)
            browser.wait("document.querySelector('#point').textContent")
            text = browser.text("#point")
            assert text.startswith(f"point {i}: {row['series'][i]}, in its own unit about ")
            value = row["raw_min"] + row["series"][i] / 99 * (row["raw_max"] - row["raw_min"])
            assert float(text.split()[-1].replace("−", "-")) == pytest.approx(value, rel=1e-3)


@pytest.mark.slow
def test_hostile_sentences_are_shown_and_do_nothing(tmp_path, browser):
    rows = wrong_rows(4)
    for row in rows:
        row["gold"]["trend"] = f"{HOSTILE} The trend is {other('trend', row['truth']['trend'])}."
        row["gold"]["noise"] = HOSTILE
        row["second"] = {"gold": dict.fromkeys(STUDY.topics, HOSTILE), "teacher": {"model": HOSTILE}}
    write_rows(tmp_path, rows)
    with reviewing(tmp_path) as (_, address):
        browser.open(address, "document.querySelector('#choose-gold')")
        assert HOSTILE in browser.text("#choose-gold") and HOSTILE in browser.text("#choose-second")
        press_and_wait(browser, "o")
        browser.wait("document.activeElement.id === 'own'")
        browser.type(HOSTILE)
        press_and_wait(browser, "Enter")
        press_and_wait(browser, "ArrowLeft")
        assert HOSTILE in browser.text("#choose-own")
        assert browser.value("[document.title, document.images.length, document.scripts.length]") == ["Review", 0, 1]


def post(address, name, body, **heads):
    """POST as our own page does, but for the heads that are changed (None: left out) -> (status, what came back)."""
    parts = urllib.parse.urlsplit(address)
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    wanted = {"Host": parts.netloc, "Origin": f"http://{parts.netloc}"}
    wanted |= {"Content-Type": "application/json", "Content-Length": len(body)}
    wanted |= {key.replace("_", "-"): value for key, value in heads.items()}
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
    connection.putrequest("POST", parts.path + name, skip_host=True)
    for key, value in wanted.items():
        if value is not None:
            connection.putheader(key, str(value))
    connection.endheaders(body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_what_the_server_refuses(folder):
    with reviewing(folder) as (_, address):
        before = (folder / "verify.csv").read_bytes()
        good, evil = {"number": 0, "decision": "gold"}, "http://evil.example"
        parts = urllib.parse.urlsplit(address)
        stranger = f"http://{parts.netloc}/{'A' * len(parts.path.strip('/'))}/"
        for status, (to, name, body, heads) in [
            (404, (stranger, "decide", good, {})),
            (404, (f"http://{parts.netloc}", "/decide", good, {})),
            (404, (address, "nothing", good, {})),
            (403, (address, "decide", good, {"Host": f"evil.example:{parts.port}", "Origin": f"http://evil.example:{parts.port}"})),
            *((403, (address, "decide", good, {"Origin": origin})) for origin in (evil, None, "null")),
            (415, (address, "decide", good, {"Content_Type": "text/plain"})),
            *((411, (address, "decide", good, {"Content_Length": length})) for length in (None, "-1")),
            (413, (address, "decide", {**good, "own": "x" * 20_000}, {})),
            *((400, (address, "decide", body, {})) for body in (b"{", b"[" * 9_000, b"[]")),
            *((400, (address, "decide", {**good, "number": number}, {})) for number in (-1, 16, True, "0", None, 0.0)),
            *((400, (address, "decide", {**good, "decision": word}, {})) for word in ("perhaps", None, 1, [])),
            (409, (address, "decide", {**good, "decision": "own", "own": " \n"}, {})),
            (409, (address, "decide", {**good, "decision": "own", "own": "\ud800"}, {})),
        ]:
            found, said = post(to, name, body, **heads)
            assert (found, list(said)) == (status, ["error"]), (name, body, heads, said)
        assert (folder / "verify.csv").read_bytes() == before
        assert post(address, "decide", good)[0] == 200
        back = {"number": 0, "decision": ""}
        assert post(address, "decide", back, Host=f"localhost:{parts.port}", Origin=f"http://localhost:{parts.port}")[0] == 200
        assert (folder / "verify.csv").read_bytes() == before
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", parts.port), timeout=5)  # bound to 127.0.0.1 alone
        with open(os.path.join(ROOT, "llm_ts", "review", "page.html")) as file:
            assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", file.read())  # loads nothing from anywhere


def test_opened_twice_is_one_line(folder, tmp_path_factory):
    with reviewing(folder) as (script, address):
        before = bytes_of(folder)
        for flags in (("--review",), ("--review", "--port", 0), ()):
            done = run_script("curate.py", *flags, cwd=folder, code=2)
            assert "written by another run" in done.stderr and len(done.stderr.strip().splitlines()) == 1
        assert bytes_of(folder) == before
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        write_rows(elsewhere, wrong_rows(3))
        port = urllib.parse.urlsplit(address).port
        done = run_script("curate.py", "--review", "--port", port, cwd=elsewhere, code=2)
        assert f"no page on port {port}" in done.stderr and "another --port" in done.stderr
        assert post(address, "decide", {"number": 3, "decision": "truth"})[0] == 200
        script.send_signal(signal.SIGINT)
        out, error = script.communicate(timeout=60)
        assert script.returncode == 0 and not error and "to_verify_sentences: 15 (" in out
    for bad in ("70000", "-1", "x"):
        run_script("curate.py", "--review", "--port", bad, cwd=folder, code=2)


def test_another_programs_change_of_verify_csv_is_not_overwritten(folder):
    with reviewing(folder) as (_, address):
        assert post(address, "decide", {"number": 0, "decision": "gold"})[0] == 200
        changed = (folder / "verify.csv").read_bytes() + b"\n"
        (folder / "verify.csv").write_bytes(changed)
        status, said = post(address, "decide", {"number": 1, "decision": "gold"})
        assert status == 409 and "changed by another program" in said["error"]
        assert (folder / "verify.csv").read_bytes() == changed
        (folder / "verify.csv").write_bytes(changed[:-1])
        assert post(address, "decide", {"number": 1, "decision": "truth"})[0] == 200
    assert sorted(decision for decision, _ in decisions_in(folder).values()) == ["gold", "truth"]


@pytest.mark.parametrize("seed", range(3))
def test_a_kill_at_any_moment_loses_no_decision_that_was_answered(folder, seed):
    rng = random.Random(seed)
    with reviewing(folder) as (script, address):
        threading.Timer(rng.uniform(0.05, 0.5), script.kill).start()
        answered = {}
        with contextlib.suppress(OSError, http.client.HTTPException):
            while True:
                asked = {"number": rng.randrange(16), "decision": rng.choice(["gold", "truth", ""])}
                _, item = post(address, "decide", asked)
                answered[item["id"]] = item["decision"]
        script.wait(timeout=20)
    found = {row_id: decision for row_id, (decision, _) in decisions_in(folder).items()}
    differ = {row_id for row_id in found.keys() | answered.keys() if found.get(row_id, "") != answered.get(row_id, "")}
    assert len(differ) <= 1  # the one that was under way
    run_script("curate.py", cwd=folder)
    assert {row_id: decision for row_id, (decision, _) in decisions_in(folder).items()} == found
    verified = {row_id for row_id, curated in curated_of(folder).items() if curated["trend"]["status"] == "verified"}
    assert verified == found.keys()
    assert sorted(os.listdir(folder)) == ["data.jsonl", "verify.csv"]


def test_nothing_to_look_at_is_said_and_is_no_error(tmp_path):
    write_rows(tmp_path, rows_with_gold(5))
    assert "nothing to review" in run_script("curate.py", "--review", cwd=tmp_path).stdout
