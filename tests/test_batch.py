"""mistral.py --batch against a real HTTP server on loopback: whatever is killed, and whenever, no row is asked about twice.

Needs: mistralai; no network, no key. Run: python -m pytest -q tests/test_batch.py
"""

import collections
import json

import pytest
from asking import COUNT, QUICK, ask, finish, rows_of, run, start
from batch_server import OTHER_KEY
from mistral_server import MistralServer

from llm_ts.question import STUDY
from llm_ts.teacher.exchange import ASKS

BATCH = ("--batch",)
CALLS = [  # of a batch in which all goes well
    ("POST", "/v1/files"), ("POST", "/v1/batch/jobs"),
    *[("GET", "/v1/batch/jobs/ID")] * 3, ("GET", "/v1/files/ID/content"),
]  # fmt: skip


def state_of(folder):
    path = folder / "data.batch.json"
    return json.loads(path.read_text()) if path.exists() else None


def check_all(folder, server, jobs=1):
    """Every row is answered, was asked about once, and stands once in the file; nothing is left over."""
    assert server.problems == []
    assert collections.Counter(server.asked) == {row["id"]: 1 for row in rows_of(folder)}
    assert len(server.batches.jobs) == jobs and state_of(folder) is None
    for row in rows_of(folder):
        assert row["gold"] == STUDY.say(row["truth"]) and row["teacher"]["batch"] in server.batches.jobs
        assert row["teacher"]["tokens"] == {"prompt": 900, "completion": 60}
    lines = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
    assert sum("gold" in line for line in lines) == COUNT


def test_a_batch(folder):
    with MistralServer(rows_of(folder)) as server:
        out, _, counts = ask(folder, server, *BATCH, "--price", "1,1", "--max-cost", "9")
        assert (counts["new"], counts["left"], counts["prompt_tokens"]) == ("12", "0", "10800")
        assert server.batches.calls == CALLS and [status for status in ("QUEUED", "RUNNING", "SUCCESS") if f": {status}" in out]
        check_all(folder, server)
        assert ask(folder, server, *BATCH, key=None)[2]["had"] == "12"  # nothing to ask: no key needed
        assert server.batches.calls == CALLS


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, len(CALLS) + 1))
def test_killed_before_or_after_any_request(folder, number, when):
    """kill -9 while the server has not done a request, or has done it and not answered yet."""
    with MistralServer(rows_of(folder)) as server:
        server.batches.hold = (number, when)
        process = start(folder, *QUICK, "--server-url", server.url, *BATCH)
        assert server.batches.held.wait(30)
        process.kill()
        process.communicate()
        assert number == 1 or state_of(folder)["jobs"][0]["ids"]
        ask(folder, server, *BATCH)
        check_all(folder, server)
        uploads = server.batches.calls.count(("POST", "/v1/files"))
        assert uploads == (2 if number == 1 else 1)  # an upload that was cut off is made again: it costs nothing


@pytest.mark.parametrize("recorded", [0, 1, 7, COUNT])
def test_killed_while_answers_are_written_down(folder, recorded):
    """As the files are when so many answers were recorded, the last of them half: nothing is asked, nothing stands twice."""
    with MistralServer(rows_of(folder)) as server:
        server.batches.hold = (len(CALLS), "before")
        process = start(folder, *QUICK, "--server-url", server.url, *BATCH)
        assert server.batches.held.wait(30)
        process.kill()
        process.communicate()
        state = (folder / "data.batch.json").read_bytes()
        ask(folder, server, *BATCH)
        lines = (folder / "data.jsonl").read_bytes().splitlines(keepends=True)
        torn = lines[COUNT + recorded][:40] if recorded < COUNT else b""
        (folder / "data.jsonl").write_bytes(b"".join(lines[: COUNT + recorded]) + torn)
        (folder / "data.batch.json").write_bytes(state)
        process = start(folder, *QUICK, "--server-url", server.url, *BATCH)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0 and ("torn last line" in err) == bool(torn), out + err
        check_all(folder, server)


def test_a_job_is_found_in_a_late_list_and_on_a_later_page(folder):
    with MistralServer(rows_of(folder)) as server:
        server.batches.hold, server.batches.late = (2, "after"), 1
        process = start(folder, *QUICK, "--server-url", server.url, *BATCH)
        assert server.batches.held.wait(30)
        process.kill()
        process.communicate()
        (job,) = server.batches.jobs.values()
        others = {f"other {k}": {**job, "public": {**job["public"], "id": f"other {k}", "metadata": None}} for k in range(150)}
        server.batches.jobs |= others
        ask(folder, server, *BATCH)
        assert server.batches.calls.count(("POST", "/v1/batch/jobs")) == 1
        for name in others:
            del server.batches.jobs[name]
        check_all(folder, server)


def test_answers_of_the_server_that_are_lost_on_the_way(folder):
    """Each request is done, and its answer dropped: the job is not created again."""
    with MistralServer(rows_of(folder)) as server:
        server.batches.drop = ["/v1/batch/jobs", "/v1/batch/jobs/ID", "/v1/files/ID/content"]
        ask(folder, server, *BATCH)
        check_all(folder, server)


def test_what_is_not_the_json_asked_for_is_asked_again_in_a_batch_of_its_own(folder):
    plan = ["bad json", "good", "empty"] + ["good"] * 9 + ["bad json", "good", "bad json"]
    with MistralServer(rows_of(folder), plan) as server:
        server.batches.steps = []
        _, _, counts = ask(folder, server, *BATCH)
        assert (counts["new"], counts["failed"], len(server.batches.jobs)) == ("11", "1", ASKS)
        assert server.seeds == [0] * COUNT + [1, 1, 2]
    first, second, third, *_ = rows_of(folder)
    assert "not the JSON asked for" in first["teacher"]["failed"] and "gold" not in first
    assert [row["teacher"]["tokens"]["prompt"] for row in (first, second, third)] == [3 * 900, 900, 2 * 900]
    assert counts["prompt_tokens"] == str(15 * 900) and state_of(folder) is None


def test_a_batch_that_failed_in_part(folder):
    """The answers that came are kept, the others are no failures of the rows: the next run asks about them alone."""
    with MistralServer(rows_of(folder), ["good", "500", "422"] + ["good"] * 9) as server:
        server.batches.lost = ("ou_000005",)
        _, err, counts = ask(folder, server, *BATCH, code=2)
        assert "3 of its 12 rows have no answer (the server says" in err and "run it again" in err
        assert (counts["new"], counts["failed"], counts["left"]) == ("9", "0", "3") and state_of(folder) is None
        server.batches.lost = ()
        assert ask(folder, server, *BATCH)[2]["new"] == "3"
        assert sorted(server.asked[COUNT:]) == ["ou_000001", "ou_000002", "ou_000005"]


@pytest.mark.parametrize("ends", ["TIMEOUT_EXCEEDED", "FAILED", "CANCELLED"])
def test_a_batch_that_ended_early(folder, ends):
    with MistralServer(rows_of(folder)) as server:
        server.batches.ends, server.batches.lost = ends, [f"ou_{k:06d}" for k in range(4, COUNT)]
        _, err, counts = ask(folder, server, *BATCH, code=2)
        assert f"ended with {ends}: 8 of its 12 rows have no answer" in err and counts["new"] == "4"
        server.batches.ends, server.batches.lost = "SUCCESS", ()
        assert ask(folder, server, *BATCH)[2]["new"] == "8"


@pytest.mark.parametrize("number, when", [(2, "before"), (2, "after"), (4, "before")])
def test_a_batch_of_another_key(folder, number, when):
    """One line; the first key still fetches it. Where it is open whether the job was created, the file tells whose it is."""
    with MistralServer(rows_of(folder)) as server:
        server.batches.hold = (number, when)
        process = start(folder, *QUICK, "--server-url", server.url, *BATCH)
        assert server.batches.held.wait(30)
        process.kill()
        process.communicate()
        before = state_of(folder)
        _, err, _ = ask(folder, server, *BATCH, key=OTHER_KEY, code=2)
        assert "not known to this key and server" in err and state_of(folder) in (before, {**before, "jobs": [
            {**before["jobs"][0], "asked": False}]})  # fmt: skip
        assert "is refused" in ask(folder, server, *BATCH, key="sk-nobodys-0123456789", code=2)[1]
        ask(folder, server, *BATCH)
        check_all(folder, server)


def test_answers_that_the_server_no_longer_keeps(folder):
    with MistralServer(rows_of(folder)) as server:
        server.batches.gone = True
        for _ in range(2):
            assert "no longer on the server" in ask(folder, server, *BATCH, code=2)[1]
        assert len(server.asked) == COUNT
        (folder / "data.batch.json").unlink()
        server.batches.gone = False
        assert ask(folder, server, *BATCH)[2]["new"] == "12"


def change_response(**fields):
    return lambda line: {**line, "response": {**line["response"], **fields}}


@pytest.mark.parametrize(
    "change",
    [change_response(status_code="200"), lambda line: change_response(body=json.dumps(line["response"]["body"]))(line)],
)
def test_answers_in_another_form_are_read(folder, change):
    with MistralServer(rows_of(folder)) as server:
        server.batches.change = change
        ask(folder, server, *BATCH)
        check_all(folder, server)


@pytest.mark.parametrize("change", [change_response(body=None), lambda line: {**line, "response": [1]}, lambda line: [1]])
def test_answers_that_cannot_be_read_are_not_paid_for_again_in_silence(folder, change):
    """They stay on the server, and the file that names them stays here: one who can read them has lost nothing."""
    with MistralServer(rows_of(folder)) as server:
        server.batches.change = change
        for _ in range(2):
            _, err, counts = ask(folder, server, *BATCH, code=2)
            assert "are no chat completions" in err and "delete this file to ask and pay again" in err
            assert (counts["left"], len(server.asked), len(server.batches.jobs)) == ("12", COUNT, 1)
        server.batches.change = lambda line: line
        for name, job in server.batches.jobs.items():  # the server mends its file
            text = "".join(json.dumps(line) + "\n" for line in job["good"])
            server.batches.files[job["public"]["output_file"]]["content"] = text.encode()
        ask(folder, server, *BATCH)
        check_all(folder, server)


def test_a_batch_under_way_is_not_asked_about_otherwise(folder):
    with MistralServer(rows_of(folder)) as server:
        server.batches.hold = (3, "before")
        process = start(folder, *QUICK, "--server-url", server.url, *BATCH, "--rows", "5")
        assert server.batches.held.wait(30)
        process.kill()
        process.communicate()
        before = (folder / "data.batch.json").read_bytes()
        for flags in ((), ("--rows", "1")):
            assert "a batch about 5 rows is under way" in ask(folder, server, *flags, code=2)[1]
        assert "is under way" in run(folder, "--dryrun", code=2)[1]
        for flags in (("--model", "other"), ("--prompt", "study"), ("--no-image",), ("--seed", "3"), ("--max-tokens", "9")):
            assert "is under way with" in ask(folder, server, *BATCH, *flags, code=2)[1]
        assert (folder / "data.batch.json").read_bytes() == before and len(server.asked) == 5
        for text in ("{", "[]", '{"jobs": [{}], "settings": {}, "started": ""}', '{"jobs": 3}'):
            (folder / "data.batch.json").write_text(text)
            for flags in ((), BATCH):
                assert "data.batch.json" in ask(folder, server, *flags, code=2)[1]
        (folder / "data.batch.json").write_bytes(before)
        ask(folder, server, *BATCH)  # those first, then the others
        check_all(folder, server, jobs=2)


def test_a_refused_batch_can_be_asked_otherwise(folder):
    """An unknown model: no job is there, so other flags begin anew."""
    with MistralServer(rows_of(folder)) as server:
        assert "is refused" in ask(folder, server, *BATCH, "--model", "unknown", code=2)[1]
        assert server.asked == []
        ask(folder, server, *BATCH)
        check_all(folder, server)


def test_a_server_without_batches(folder):
    with MistralServer(rows_of(folder)) as server:
        server.batches.absent = True
        assert "has no Batch API" in ask(folder, server, *BATCH, code=2)[1]
        server.batches.absent = False
        ask(folder, server, "--rows", "4")  # nothing was asked for: so the rows may be asked one by one
        assert state_of(folder) is None
        ask(folder, server, *BATCH)
        assert collections.Counter(server.asked) == {row["id"]: 1 for row in rows_of(folder)}


def test_a_cap_makes_smaller_batches(folder):
    """A row costs 0.15, and more is held for it before: as many rows as the cap allows at worst, then by what they did cost."""
    with MistralServer(rows_of(folder)) as server:
        money = (*BATCH, "--price", "100,1000", "--max-tokens", "100")
        _, err, _ = ask(folder, server, *money, "--max-cost", "1", code=2)
        assert "6 rows are left" in err and len(server.asked) == 6
        assert len(server.batches.jobs) > 1
        ask(folder, server, *money, "--max-cost", "9")
        assert collections.Counter(server.asked) == {row["id"]: 1 for row in rows_of(folder)}


def test_a_second_teacher_by_batch(folder):
    with MistralServer(rows_of(folder)) as server:
        ask(folder, server, "--rows", "3")
        ask(folder, server, *BATCH, "--second", "other")
        assert server.models[3:] == ["other"] * 3
    assert [("second" in row, "batch" in row.get("second", {}).get("teacher", {})) for row in rows_of(folder)[2:4]] == [
        (True, True), (False, False)]  # fmt: skip


def test_interrupted_while_it_waits(folder):
    with MistralServer(rows_of(folder)) as server:
        server.batches.steps = ["RUNNING"] * 10_000
        process = start(folder, *QUICK, "--server-url", server.url, *BATCH)
        while server.batches.calls.count(("GET", "/v1/batch/jobs/ID")) < 5:
            assert process.poll() is None
        process.send_signal(2)
        assert "run the same command to go on" in finish(process, folder, 130)[1]
        for job in server.batches.jobs.values():
            job["steps"] = []
        ask(folder, server, *BATCH)
        check_all(folder, server)


def test_a_batch_is_no_dry_run(folder):
    assert "give one of them" in run(folder, "--batch", "--dryrun", code=2)[1]
