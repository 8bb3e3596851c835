"""describe.py --server against servers that go wrong, over real HTTP on loopback: one line, exit code 2, nothing guessed.

The real llama-server stands in tests/test_serving.py.
"""

import json
import os
import sys
import time

import pytest
from conftest import ROOT
from small_server import SmallServer

import describe
from llm_ts.base import cli, paths
from llm_ts.question import STUDY, SYSTEM
from llm_ts.student import remote

RISE = os.path.join(ROOT, "examples", "co2.csv")
RIGHT = STUDY.answer_of(STUDY.say({"trend": "increasing", "noise": "low", "max": "end", "min": "beginning"}))
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
MODELS = {"object": "list", "data": [{"id": "student", "object": "model"}]}


def said(text, finish="stop"):
    return {"choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}]}


@pytest.fixture
def server(monkeypatch):
    """A server whose student answers right. A test changes its `replies`: what is sent for a path, or a function of the body."""
    monkeypatch.delenv("LLAMA_API_KEY", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # must not be asked for this machine's own server
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    def reply(path, _, body):
        found = made.replies.get(path, (404, {"error": {"message": "File Not Found"}}))
        status, content = found(body) if callable(found) else found
        if status == "late":
            time.sleep(1)
        return 200 if status == "late" else status, content

    made = SmallServer(reply)
    made.replies = {
        "/v1/models": (200, MODELS),
        "/props": (200, {"chat_template": TEMPLATE}),
        "/lora-adapters": (200, []),
        "/v1/chat/completions": (200, said(RIGHT)),
    }
    yield made
    made.shutdown()
    made.server_close()


def run(capsys, monkeypatch, *flags):
    """describe.py --model with these flags, as cli.run ends it: (exit code, stdout, stderr)."""
    monkeypatch.setattr(sys, "argv", ["describe.py"])
    with pytest.raises(SystemExit) as end:
        cli.run(describe.main, [RISE, "--column", "ppm", "--model", paths.SHIPPED, *flags])
    out, err = capsys.readouterr()
    return end.value.code, out, err


def refused(capsys, monkeypatch, *flags):
    """The one line that it ends with."""
    code, out, err = run(capsys, monkeypatch, *flags)
    assert code == 2 and not out and len(err.splitlines()) == 1 and err.startswith("describe.py: "), (code, out, err)
    return err


def test_a_llama_server_is_asked_as_its_student_learnt(server, capsys, monkeypatch):
    code, out, err = run(capsys, monkeypatch, "--server", server.url)
    assert code == 0 and out.count(" right") == 4 and not err
    assert f"model: student of {server.url} (series written as 'thirds')" in out
    body = server.asked[-1][2]
    assert [message["role"] for message in body["messages"]] == ["system", "user"] and body["messages"][0]["content"] == SYSTEM
    assert body["messages"][1]["content"].startswith(STUDY.instruction) and "\nbeginning: 00" in body["messages"][1]["content"]
    assert (body["temperature"], body["cache_prompt"], body["model"]) == (0, False, "student")
    server.replies["/v1/chat/completions"] = (200, said("\ud83d" + RIGHT.replace("increasing", "increasing \ud83d")))
    code, out, _ = run(capsys, monkeypatch, "--server", server.url)
    assert code == 0 and out.count(" right") == 3 and "the answer was repaired" in out
    assert '"The trend is increasing ?."' in out  # half a letter has no bytes: it could not be printed


def test_another_server_is_asked_in_openais_words_alone(server, capsys, monkeypatch):
    """No /props: no field that OpenAI's API does not have."""
    del server.replies["/props"]
    code, out, _ = run(capsys, monkeypatch, "--server", server.url + "/v1/")
    assert code == 0 and out.count(" right") == 4
    assert set(server.asked[-1][2]) == {"model", "messages", "temperature", "max_tokens"}
    assert run(capsys, monkeypatch, "--server", server.url, "--format", "study")[0] == 0
    assert "\nSeries: [00, 02" in server.asked[-1][2]["messages"][1]["content"]


def test_a_server_needs_a_model_that_says_what_its_student_learnt(server, capsys, monkeypatch):
    assert "no model nowhere" in refused(capsys, monkeypatch, "--server", server.url, "--model", "nowhere")
    monkeypatch.setattr(sys, "argv", ["describe.py"])
    with pytest.raises(cli.UserError, match="--server needs --model"):
        describe.main([RISE, "--server", server.url])
    assert "sees plots" in refused(capsys, monkeypatch, "--server", server.url, "--model", paths.SHIPPED_SEES)


@pytest.mark.parametrize(
    ("path", "reply", "words"),
    [
        ("/v1/models", (200, b"<html>A router</html>"), "text/html, no JSON object"),
        ("/v1/models", (200, [1]), "no JSON object"),
        ("/v1/models", (200, {"data": []}), "lists no model"),
        ("/v1/models", (302, b""), "refuses the question (it says 302"),
        ("/v1/models", (401, {"error": {"message": "Invalid API Key"}}), "LLAMA_API_KEY"),
        ("/v1/models", (200, {"data": [{"id": "one"}, {"id": "two"}]}), "several models (one, two): give --server-model"),
        ("/lora-adapters", (200, [{"id": 0, "scale": 0.0}]), "adapters switched off"),
        ("/v1/chat/completions", (200, b"<html>"), "text/html, no JSON object"),
        ("/v1/chat/completions", (200, {"choices": []}), "otherwise than OpenAI's API"),
        ("/v1/chat/completions", (200, {"choices": [{"message": {"content": None}}]}), "otherwise than OpenAI's API"),
        ("/v1/chat/completions", (200, {"choices": [7]}), "otherwise than OpenAI's API"),
        ("/v1/chat/completions", (200, said('{"trend": "The tr', "length")), "cut an answer off"),
        ("/v1/chat/completions", (503, {"error": {"message": "Loading model"}}), "not ready: try again"),
        ("/v1/chat/completions", (500, {"error": {"message": "\x1b[31mbroken\nby all"}}), "it says 500: \\x1b[31mbroken by all"),
        ("/v1/chat/completions", (404, {"error": "model 'x' not found"}), "it says 404: model 'x' not found"),
        ("/v1/chat/completions", (400, {"error": {"message": "request (9030 tokens) exceeds the available context size"}}), "too long for"),
    ],
)
def test_what_goes_wrong_is_one_line(server, capsys, monkeypatch, path, reply, words):
    server.replies[path] = reply
    assert words in refused(capsys, monkeypatch, "--server", server.url)


def test_one_answer_that_fails_costs_no_other(server, capsys, monkeypatch):
    """Four parts of a series, the third of which the server cannot answer: three are described, and the exit code is 2."""
    prompts = describe_prompts(capsys, monkeypatch)
    noises = ("low", "medium", "high", "low")

    def reply(body):
        number = prompts.index(body["messages"][1]["content"])
        if number == 2:
            return 500, {"error": {"message": "out of memory"}}
        return 200, said(STUDY.answer_of(STUDY.say({"trend": "increasing", "noise": noises[number], "max": "end", "min": "beginning"})))

    server.replies["/v1/chat/completions"] = reply
    code, out, err = run(capsys, monkeypatch, "--server", server.url, "--windows", "4", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 2 and ["error" in line for line in lines] == [False, False, True, False]
    assert [lines[number]["claims"]["noise"]["said"] for number in (0, 1, 3)] == ["low", "medium", "low"]
    assert err.splitlines() == [f"describe.py: {lines[2]['error']}"] and "out of memory" in err and "ppm of " in err
    code, out, err = run(capsys, monkeypatch, "--server", server.url, "--windows", "4")
    assert code == 2 and out.count('"trend"') == 3 and len(err.splitlines()) == 1


def test_a_server_that_is_gone_is_asked_no_more(server, capsys, monkeypatch):
    monkeypatch.setattr(remote, "ANSWER", 0.2)
    monkeypatch.setattr(remote, "AT_ONCE", 2)
    server.replies["/v1/chat/completions"] = ("late", said(RIGHT))
    before = len(server.asked)
    line = refused(capsys, monkeypatch, "--server", server.url, "--windows", "5")
    assert "no answer within 0.2 s" in line
    assert sum(path == "/v1/chat/completions" for path, _, _ in server.asked[before:]) <= remote.AT_ONCE
    code, out, _ = run(capsys, monkeypatch, "--server", server.url, "--windows", "5", "--json")
    assert code == 2 and ["no answer" in json.loads(line)["error"] for line in out.splitlines()] == [True] * 5


def describe_prompts(capsys, monkeypatch):
    """The prompts of four parts of the series."""
    _, out, _ = run(capsys, monkeypatch, "--windows", "4", "--prompt")
    begin = STUDY.instruction.splitlines()[0]
    return [begin + rest.rstrip() for rest in out.split(begin)[1:]]


def test_a_server_that_is_late_or_gone_or_none(server, capsys, monkeypatch):
    monkeypatch.setattr(remote, "ANSWER", 0.2)
    server.replies["/v1/chat/completions"] = ("late", said(RIGHT))
    assert "no answer within 0.2 s" in refused(capsys, monkeypatch, "--server", server.url)
    assert "no server at http://127.0.0.1:9 (" in refused(capsys, monkeypatch, "--server", "http://127.0.0.1:9")
    for bad in ("127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://[", "http://a:b@127.0.0.1:8080"):
        assert "give an address like" in refused(capsys, monkeypatch, "--server", bad)
    assert "has no model other: it has student" in refused(capsys, monkeypatch, "--server", server.url, "--server-model", "other")


def test_a_key_is_sent_and_never_shown(server, capsys, monkeypatch):
    monkeypatch.setenv("LLAMA_API_KEY", "sesame-7")
    server.replies["/v1/chat/completions"] = (403, {"error": {"message": "sesame-7 may not"}})
    line = refused(capsys, monkeypatch, "--server", server.url)
    assert server.asked[-1][1]["Authorization"] == "Bearer sesame-7"
    assert "*** may not" in line and "sesame" not in line


def test_flags_that_do_not_go_together(server, capsys, monkeypatch):
    for flags in (["--transformers"], ["--see", "image"]):
        assert "--server" in refused(capsys, monkeypatch, "--server", server.url, *flags)
    with pytest.raises(cli.UserError, match="--serve takes no --server"):
        describe.main(["--serve", "--server", server.url])
    assert "--server-model belongs" in refused(capsys, monkeypatch, "--server-model", "x")
