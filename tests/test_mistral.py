"""mistral.py as a program, against a real HTTP server on loopback; and the simulated teacher of its dry run."""

import collections
import hashlib
import json
import random
import shutil
import signal
import socket
import time

import pytest
from asking import COUNT, QUICK, ask, finish, run, start
from described import rows_of, write_rows
from mistral_server import MistralServer

from llm_ts import claims, question
from llm_ts.question import STUDY
from llm_ts.series.rows import make
from llm_ts.teacher import simulated
from llm_ts.teacher.mistral_api import ASKS, OTHERS, TRIES


def test_answers_land_in_rows_and_texts(folder):
    with MistralServer(rows_of(folder)) as server:
        before = rows_of(folder)
        out, _, counts = ask(folder, server)
        assert server.asked == [row["id"] for row in before]
        assert out.startswith("concurrency: 1\n")
        said = [line for line in out.splitlines() if line.endswith(": answered")]
        assert said == [f"{number}/12 {row['id']}: answered" for number, row in enumerate(before, start=1)]
        assert counts == {
            "had": "0", "new": "12", "unlabelled": "0", "failed": "0", "skipped": "0", "left": "0",
            "tokens": "11520", "prompt_tokens": "10800", "completion_tokens": "720",
        }  # fmt: skip
        for row, old in zip(rows_of(folder), before):
            gold, teacher = row.pop("gold"), row.pop("teacher")
            assert row == old
            assert gold == STUDY.say(row["truth"])
            assert teacher.pop("date").startswith("20")
            assert teacher == {
                "model": "mistral-medium-latest",
                "prompt": "labels",
                "prompt_version": 1,
                "tokens": {"prompt": 900, "completion": 60},
                "labels": {claim: row["truth"][claim] for claim in STUDY.claims},
            }
            text = (folder / "dataset" / f"{row['id']}.txt").read_text()
            assert text == "".join(gold[kind] + "\n" for kind in ("trend", "noise", "extrema"))
        content = (folder / "data.jsonl").read_bytes()
        (folder / "dataset" / "ou_000003.txt").unlink()
        _, _, counts = ask(folder, server, key=None)  # nothing to ask: no key needed
        assert (counts["had"], counts["new"], len(server.asked)) == ("12", "0", 12)
        assert (folder / "data.jsonl").read_bytes() == content
        assert (folder / "dataset" / "ou_000003.txt").exists()


BAD_TIMES = ["429", "429 after 0", "429 after soon", "429 after Wed, 21 Oct 2015 07:28:00 GMT", "500", "503",
             "echo 500", "drop", "half", "html", "not json"]  # fmt: skip


def test_bad_times_pass(folder):
    """Each row meets one failure of the server and is then answered; none is lost, none is recorded as failed."""
    plan = [name for bad in BAD_TIMES for name in (bad, "good")]
    with MistralServer(rows_of(folder), plan) as server:
        out, _, counts = ask(folder, server)
        assert counts["new"] == "12"
        assert collections.Counter(server.asked).most_common()[-1][1] == 1
        assert len(server.asked) == COUNT + len(BAD_TIMES)
        assert out.count("asking again in") == len(BAD_TIMES)


def test_time_outs_pass(folder):
    """A silent server, and one that sends a byte now and then, are both given up after --timeout."""
    with MistralServer(rows_of(folder), ["hang", "good", "trickle", "good"]) as server:
        out, _, counts = ask(folder, server, "--rows", "2", "--timeout", "0.5")
        assert counts["new"] == "2"
        assert out.count("no answer within 0.5 s") == 2


def test_retry_after_is_obeyed_and_capped(folder):
    with MistralServer(rows_of(folder), ["429 after 1.2", "good", "429 after 86400"]) as server:
        began = time.monotonic()
        process = start(folder, *QUICK, "--server-url", server.url)
        lines = iter(process.stdout.readline, "")
        assert any(line.startswith("1/12") for line in lines)
        assert time.monotonic() - began > 1.2
        assert "asking again in 60.0 s" in next(lines)
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["503", "drop", "429", "not json"])
def test_server_stays_down(folder, name):
    """One clear line and exit 2; what was done is saved, and no row is recorded as failed."""
    with MistralServer(rows_of(folder), ["good", "good"], then=name) as server:
        _, err, counts = ask(folder, server, code=2)
        assert "run it again later" in err
        assert len(server.asked) == 2 + TRIES + OTHERS
        assert (counts["new"], counts["failed"], counts["left"]) == ("2", "0", "10")
        rows = rows_of(folder)
        assert all("gold" in row for row in rows[:2]) and not any("teacher" in row for row in rows[2:])


@pytest.mark.parametrize("answered", [0, 1])
@pytest.mark.parametrize(
    "name, says",
    [("401", "the key in MISTRAL_API_KEY is refused"), ("echo 401", "Bearer ***"), ("echo 403", "Bearer ***"),
     ("400", "Invalid model: x"), ("404", "model 'mistral-medium-latest'"), ("422", "refuses the question")],
)  # fmt: skip
def test_what_other_rows_meet_too_ends_the_run(folder, name, says, answered):
    """Once the server has answered, the key is not said to be wrong: it was right."""
    with MistralServer(rows_of(folder), ["good"] * answered, then=name) as server:
        _, err, counts = ask(folder, server, code=2)
        if answered and name == "401":
            says = "the key is refused now, of every row, after 1 questions were answered"
        assert says in err and server.problems == []
        assert len(server.asked) == answered + 1 + OTHERS and len(set(server.asked)) == OTHERS + 1
        assert (counts["new"], counts["failed"], counts["left"]) == (str(answered), "0", str(COUNT - answered))
        assert ["gold" in row for row in rows_of(folder)] == [True] * answered + [False] * (COUNT - answered)


FILTERED = {"error": {"message": "The response was filtered: content management policy.", "code": "content_filter"}}
OF_ONE_ROW = {
    "filtered": (400, FILTERED), "forbidden": (403, {"message": "Not this prompt."}), "unprocessable": (422, {"detail": "no"}),
    "too long": (413, "Request too large"), "gone": (404, "no such prompt"), "unauthorised": (401, {"detail": "not for you"}),
    "it names a field": (400, {"message": "Unsafe: the word schema, the word seed."}), "it dies of it": (500, "llama_decode failed"),
    "an error as an answer": (200, {"error": {"message": "Provider returned error"}}),
}  # fmt: skip


@pytest.mark.parametrize("at", [(0,), (2, 3, 4, 5), (11,)])
@pytest.mark.parametrize("kind", OF_ONE_ROW)
def test_what_one_row_meets_alone_is_its_failure(folder, kind, at):
    """The first, the last, some in a row: they fail by their ids with the server's words, the others are answered, nothing doubled."""
    rows, status = rows_of(folder), OF_ONE_ROW[kind][0]
    at = at if 300 <= status < 500 else at[:1]  # others are asked seven times, ever later
    bad = [rows[k]["id"] for k in at]
    with MistralServer(rows) as server:
        server.refused = {row_id: OF_ONE_ROW[kind] for row_id in bad}
        out, _, counts = ask(folder, server, "--concurrency", str(1 + len(at)), backoff=0.001)
        assert (counts["new"], counts["failed"], counts["left"]) == (str(COUNT - len(at)), str(len(at)), "0")
        (line,) = [line for line in out.splitlines() if line.startswith("failed_rows: ")]
        assert sorted(line.split(": ")[1].split(" (")[0].split(", ")) == bad and "--retry-failed" in line
        now = rows_of(folder)
        status, body = OF_ONE_ROW[kind]
        words = str(body.get("message") or body.get("detail") or body["error"]["message"]) if isinstance(body, dict) else body
        for row in now:
            assert ("gold" in row) == (row["id"] not in bad)
            assert "gold" in row or (f"says {status}" in row["teacher"]["failed"] and words in row["teacher"]["failed"])
        asked = len(server.asked)
        out, _, counts = ask(folder, server)
        assert counts["skipped"] == str(len(at)) and len(server.asked) == asked
        assert f"failed_rows: {', '.join(bad)} (--retry-failed" in out  # they stay named
        server.refused = {}
        assert ask(folder, server, "--retry-failed")[2]["new"] == str(len(at))
        assert server.seeds[-1] == 0  # no field was left out for good
    assert all(row["gold"] == STUDY.say(row["truth"]) for row in rows_of(folder))


def test_a_second_teacher_that_refuses_one_row_answers_the_others(folder):
    with MistralServer(rows_of(folder)) as server:
        ask(folder, server)
        server.refused = {"ou_000004": (400, FILTERED)}
        _, _, counts = ask(folder, server, "--second", "other")
        assert (counts["new"], counts["failed"], counts["left"]) == ("11", "1", "0")
    failed = rows_of(folder)[4]
    assert "gold" in failed and "content management policy" in failed["second"]["teacher"]["failed"]


def test_the_one_row_that_is_left_is_compared_with_one_that_was_answered(folder):
    """And the only row of a file has none to be compared with: nothing is recorded."""
    with MistralServer(rows_of(folder)) as server:
        ask(folder, server, "--rows", "11")
        server.refused = {"ou_000011": (400, FILTERED)}
        assert ask(folder, server)[2]["failed"] == "1"
        write_rows(folder, [{key: value for key, value in rows_of(folder)[11].items() if key != "teacher"}])
        assert "content management policy" in ask(folder, server, code=2)[1]
        assert "teacher" not in rows_of(folder)[0]


BAD_ANSWERS = ["bad json", "missing key", "wrong type", "truncated", "empty", "null", "no choices", "surrogate",
               "key in answer", "key in bad answer"]  # fmt: skip


def test_bad_answers_are_asked_again(folder):
    """Each row meets one bad answer, is asked again with another seed, and both questions' tokens are counted."""
    plan = [name for bad in BAD_ANSWERS for name in (bad, "good")] + ["chunks", "fences"]
    with MistralServer(rows_of(folder), plan) as server:
        _, _, counts = ask(folder, server)
        assert counts["new"] == "12"
        assert server.seeds == [0, 1] * len(BAD_ANSWERS) + [0, 0]
    for row, asks in zip(rows_of(folder), [2] * len(BAD_ANSWERS) + [1, 1]):
        assert row["gold"] == STUDY.say(row["truth"])
        assert row["teacher"]["tokens"] == {"prompt": 900 * asks, "completion": 60 * asks}


def test_failures_are_recorded_once_and_asked_again_on_request(folder):
    plan = [bad for bad in BAD_ANSWERS[:9] for _ in range(ASKS)]
    with MistralServer(rows_of(folder), plan) as server:
        _, _, counts = ask(folder, server)
        assert (counts["new"], counts["failed"], counts["skipped"]) == ("3", "9", "0")
        failed = [row for row in rows_of(folder) if "failed" in row["teacher"]]
        assert len(failed) == 9 and not any("gold" in row for row in failed)
        reasons = [row["teacher"]["failed"] for row in failed]
        assert "truncated answer (finish_reason length)" in reasons and all(reasons)
        assert not (folder / "dataset" / f"{failed[0]['id']}.txt").exists()
        questions = len(server.asked)
        _, _, counts = ask(folder, server)
        assert (counts["had"], counts["skipped"], len(server.asked)) == ("3", "9", questions)
        _, _, counts = ask(folder, server, "--retry-failed")
        assert (counts["new"], len(server.asked)) == ("9", questions + 9)
        assert all("gold" in row and "failed" not in row["teacher"] for row in rows_of(folder))


def test_model_that_always_fails_is_given_up(folder):
    with MistralServer(rows_of(folder), then="key in bad answer") as server:
        _, err, counts = ask(folder, server, code=2)
        assert "the last 10 rows failed (not the JSON asked for: I know ***)" in err
        assert (counts["failed"], counts["left"], len(server.asked)) == ("10", "2", 10 * ASKS)


def test_mistakes_before_the_first_question(folder, tmp_path):
    with MistralServer(rows_of(folder)) as server:
        for flags in ((), ("--server-url", "http://teacher.invalid")):  # neither Mistral nor another machine is reached
            assert "MISTRAL_API_KEY is not set" in run(folder, *flags, key=None, code=2)[1]
        with socket.socket() as closed:  # bound, but not listening
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
            assert "no connection (ConnectError" in run(folder, "--server-url", url, code=2)[1]
        assert "has characters" in ask(folder, server, key="two\nlines", code=2)[1]
        for url in ("localhost", "http://host:port", "http://127.0.0.1:99999", "ftp://host", "http://"):
            assert "is not an address" in run(folder, "--server-url", url, code=2)[1]
        assert "without --second first" in ask(folder, server, "--second", "other", code=2)[1]
        (folder / "dataset" / "ou_000007.png").unlink()
        _, err, _ = ask(folder, server, code=2)
        assert "ou_000007.png" in err and "run ou_process.py" in err
        (tmp_path / "empty").mkdir()
        assert "run ou_process.py first" in run(tmp_path / "empty", "--dryrun", code=2)[1]
        assert server.asked == []


def test_killed_run_goes_on(folder):
    """kill -9 with 2 questions in flight: what was recorded is not asked again, and no row is doubled."""
    with MistralServer(rows_of(folder), pause=0.1) as server:
        process = start(folder, *QUICK, "--server-url", server.url, "--concurrency", "2")
        server.wait_for(6)
        process.kill()
        process.communicate()
        recorded = [row["id"] for row in rows_of(folder) if "gold" in row]
        asked = len(server.asked)
        assert 2 <= len(recorded) < COUNT and asked - len(recorded) <= 2
        _, _, counts = ask(folder, server, "--concurrency", "2")
        assert not set(recorded) & set(server.asked[asked:])
        assert counts["had"] == str(len(recorded))
    golds = [json.loads(line)["id"] for line in (folder / "data.jsonl").read_text().splitlines() if '"gold"' in line]
    assert len(golds) == len(set(golds)) == COUNT


def test_interrupted_run_says_so(folder):
    with MistralServer(rows_of(folder), pause=0.1) as server:
        process = start(folder, *QUICK, "--server-url", server.url, "--concurrency", "2")
        server.wait_for(5)
        process.send_signal(signal.SIGINT)
        out, err, counts = finish(process, folder, 130)
        assert "stopped; what was finished is saved" in err
        assert int(counts["new"]) == sum("gold" in row for row in rows_of(folder)) >= 3


def test_eight_at_a_time(folder):
    with MistralServer(rows_of(folder), ["503", "drop", "429", "bad json"], gate=8) as server:
        _, _, counts = ask(folder, server, "--concurrency", "8")
        assert counts["new"] == "12"
        assert server.most == 8
    assert all(row["gold"] == STUDY.say(row["truth"]) for row in rows_of(folder))


def test_a_server_that_answers_one_at_a_time_answers_all(folder):
    """Eight workers, 429 for all but one request in half a second: every row is answered, and the pace slows down."""
    with MistralServer(rows_of(folder), then="one at a time") as server:
        _, _, counts = ask(folder, server, "--concurrency", "8", backoff=0.05)
        assert (counts["new"], counts["failed"], counts["left"]) == ("12", "0", "0")
        assert len(server.asked) < 8 * COUNT


@pytest.mark.parametrize("refuses", [("random_seed",), ("response_format",), ("max_tokens",), ("random_seed", "response_format")])
def test_a_server_that_refuses_what_openai_does_not_know_is_asked_without(folder, refuses):
    with MistralServer(rows_of(folder)) as server:
        server.refuses = refuses
        out, _, counts = ask(folder, server)
        assert counts["new"] == "12" and len(server.asked) == COUNT + len(refuses)
        assert all(out.count(f"takes no {name}: it is asked without") == 1 for name in refuses)


def test_second_teacher(folder):
    with MistralServer(rows_of(folder), ["good"] * 3) as server:
        _, _, counts = ask(folder, server, "--rows", "3", "--seed", "5")
        assert (counts["new"], counts["left"], server.seeds) == ("3", "9", [5] * 3)
        server.plan += ["bad json"] * ASKS
        _, _, counts = ask(folder, server, "--second", "other")
        assert (counts["new"], counts["failed"]) == ("2", "1")
        assert server.models == ["mistral-medium-latest"] * 3 + ["other"] * (2 + ASKS)
        questions = len(server.asked)
        assert ask(folder, server, "--second", "other")[2]["skipped"] == "1"
        assert "room for one second model" in ask(folder, server, "--second", "third", code=2)[1]
        assert "is the teacher of" in ask(folder, server, "--second", "mistral-medium-latest", code=2)[1]
        assert len(server.asked) == questions
        assert ask(folder, server, "--second", "other", "--retry-failed")[2]["new"] == "1"
    for number, row in enumerate(rows_of(folder)):
        assert ("second" in row) == ("gold" in row) == (number < 3)
        if "second" in row:
            assert row["second"]["gold"] == STUDY.say(row["truth"])
            assert (row["teacher"]["model"], row["second"]["teacher"]["model"]) == ("mistral-medium-latest", "other")


def test_another_question_asks_for_a_sentence_more(folder):
    """Rows of a question with four topics: the server is given its schema, and the answer without its fourth sentence fails."""
    rows, _ = make(0, range(COUNT), 24, question=question.named("trend,noise,extrema,season"))
    write_rows(folder, rows)
    with MistralServer(rows_of(folder), ["three", "good"] + ["three"] * ASKS) as server:
        _, _, counts = ask(folder, server, "--rows", "2")
        assert (counts["new"], counts["failed"], len(server.asked)) == ("1", "1", 2 + ASKS)
    described, failed = rows_of(folder)[:2]
    assert list(described["gold"]) == ["trend", "noise", "extrema", "season"]
    assert described["gold"] == described["truth"]["sentences"]
    assert (folder / "dataset" / f"{described['id']}.txt").read_text().count("\n") == 4
    assert "not the JSON asked for" in failed["teacher"]["failed"]


def test_dry_run(folder):
    """No key, no plots; marked in every row and text; a rerun changes no byte; a row alone is the same row."""
    rows = rows_of(folder)
    for path in (folder / "dataset").glob("*.png"):
        path.unlink()
    out, _, counts = run(folder, "--dryrun", key=None)
    assert counts["new"] == "12" and "ou_0000" not in out  # a line for each answer would bury the counts
    first = rows_of(folder)
    assert all(row["teacher"]["simulated"] and row["teacher"]["model"] == "simulated" for row in first)
    assert {row["teacher"]["seed"] for row in first} == {0}
    assert "(simulated teacher, seed 0)" in (folder / "dataset" / "ou_000000.txt").read_text()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert run(folder, "--dryrun", key=None)[2]["had"] == "12"
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    write_rows(folder, [rows[8], rows[3]])
    run(folder, "--dryrun", key=None)
    assert rows_of(folder) == [first[8], first[3]]
    write_rows(folder, first)
    run(folder, "--dryrun", "--second", "any", key=None)
    seconds = rows_of(folder)
    assert all(row["second"]["teacher"]["seed"] == 1 and row["second"]["teacher"]["simulated"] for row in seconds)
    assert any(row["second"]["gold"] != row["gold"] for row in seconds)


def test_simulated_and_real_never_mix(folder):
    with MistralServer(rows_of(folder)) as server:
        run(folder, "--dryrun", "--rows", "1", key=None)
        content = (folder / "data.jsonl").read_bytes()
        for flags in ((), ("--retry-failed",), ("--second", "other")):
            assert "another --data" in ask(folder, server, *flags, code=2)[1]
        assert server.asked == [] and (folder / "data.jsonl").read_bytes() == content
        write_rows(folder, rows_of(folder)[1:])
        ask(folder, server, "--rows", "1")
        assert "another --data" in run(folder, "--dryrun", code=2)[1]


RULES = {key: value for key, value in STUDY.truth_of(list(range(50))).items() if key in ("version", "rules")}


def random_rows(count):
    rng = random.Random(1)
    for k in range(count):
        truth = {claim: rng.choice(labels) for claim, labels in STUDY.labels.items()}
        yield {"id": f"ou_{k:06d}", "question": STUDY.name, "truth": {**RULES, **truth}}


def test_simulated_teacher_errs_at_the_rates_of_the_study():
    """The topics read every sentence; the share of wrong ones is within 4 sigma of 15, 28 and 10 of 220."""
    count = 20000
    wrong, said, memo = collections.Counter(), collections.defaultdict(set), {}
    for row in random_rows(count):
        labels = row["truth"]
        gold = simulated.answer(row, 0)["gold"]
        for kind, sentence in gold.items():
            said[kind].add(sentence)
            if (kind, sentence) not in memo:
                memo[kind, sentence] = claims.TOPICS[kind].read(sentence)
            read = memo[kind, sentence]
            assert None not in read.values(), sentence
            wrong[kind] += read != {claim: labels[claim] for claim in read}
    for kind, number in (("trend", 15), ("noise", 28), ("extrema", 10)):
        rate = number / 220
        assert abs(wrong[kind] / count - rate) < 4 * (rate * (1 - rate) / count) ** 0.5, (kind, wrong[kind])
    assert {kind: len(sentences) > 30 for kind, sentences in said.items()} == dict.fromkeys(said, True)
    assert all(6 <= len(sentence.split()) <= 16 for sentences in said.values() for sentence in sentences)


def test_simulated_answers_are_what_they_always_were():
    """The data of make run rest on it."""
    said = [simulated.answer(row, seed)["gold"] for seed in (0, 1) for row in random_rows(1000)]
    assert hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16] == "2c6e4c7b7b997fd2"


def test_a_text_only_model_of_ones_own_needs_no_plot_and_no_key(folder):
    """A server on this machine, its address with /v1 as its documents write it; the prompt speaks of no plot."""
    shutil.rmtree(folder / "dataset")
    with MistralServer(rows_of(folder), plots=False, key="none") as server:
        run(folder, "--server-url", f"{server.url}/v1", "--no-image", key=None)
        assert server.problems == [] and len(server.asked) == COUNT
    assert all(row["teacher"]["image"] is False and row["gold"] == STUDY.say(row["truth"]) for row in rows_of(folder))
