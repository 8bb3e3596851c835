"""What servers of one's own answer that is not as Mistral's: read where it can be read in one way, else refused in one line."""

import json

import pytest
from asking import ask, run
from described import rows_of
from mistral_server import MistralServer, completion

from llm_ts.question import STUDY
from llm_ts.teacher.exchange import ASKS

DRAFT = json.dumps({"trend": "A draft.", "noise": "A draft.", "extrema": "A draft."})


def change(text, key, value):
    return json.dumps({**json.loads(text), key: value})


READ = {
    "usage is null": lambda good: completion(good) | {"usage": None},
    "usage is words": lambda good: completion(good) | {"usage": {"prompt_tokens": "many"}},
    "tokens below 0": lambda good: completion(good) | {"usage": {"prompt_tokens": -5, "completion_tokens": -6, "total_tokens": -11}},
    "nothing but the answer": lambda good: {"choices": [{"message": {"role": "assistant", "content": good}}]},
    "null for what is not known": lambda good: completion(good) | dict.fromkeys(("id", "object", "created", "model")),
    "keys in capitals": lambda good: completion(json.dumps({key.upper(): text for key, text in json.loads(good).items()})),
    "the answer twice": lambda good: completion(f"{good}\nAgain: {good}"),
    "further keys": lambda good: completion(change(good, "confidence", 0.9)),
    "labels with a stop": lambda good: completion(
        json.dumps({key: f" {text.upper()}. " if key.endswith("label") else text for key, text in json.loads(good).items()})
    ),
    "a draft within its thoughts": lambda good: completion(f"<think>Perhaps {DRAFT}?</think>\n{good}"),
    "thinking in other words": lambda good: completion(f"<THINKING>{DRAFT}</THINKING>{good}"),
}


@pytest.mark.parametrize("name", READ)
def test_is_read(folder, name):
    with MistralServer(rows_of(folder), then=lambda good: (200, READ[name](good))) as server:
        _, _, counts = ask(folder, server, "--rows", "2")
        assert (counts["new"], counts["unlabelled"], len(server.asked)) == ("2", "0", 2)
    for row in rows_of(folder)[:2]:
        assert row["gold"] == STUDY.say(row["truth"])
        assert row["teacher"]["labels"] == {claim: row["truth"][claim] for claim in STUDY.claims}
        assert all(number >= 0 for number in row["teacher"]["tokens"].values())


REFUSAL = completion(None)  # as OpenAI's API says it
REFUSAL["choices"][0]["message"]["refusal"] = "I cannot help with that."
FAILED = {
    "two answers that differ": lambda good: f"Draft: {DRAFT}\nFinal: {good}",
    "a sentence without a word": lambda good: change(good, "noise", "..."),
    "of more than 1000 letters": lambda good: change(good, "noise", "The noise is low. " * 100),
    "still thinking": lambda good: f"<thinking>{good}",
    "truncated answer (finish_reason content_filter)": lambda good: completion(good, "content_filter"),
    "I cannot help with that": lambda good: REFUSAL,
}


def body_of(answer):
    return answer if isinstance(answer, dict) else completion(answer)


@pytest.mark.parametrize("why", FAILED)
def test_is_no_answer(folder, why):
    with MistralServer(rows_of(folder), then=lambda good: (200, body_of(FAILED[why](good)))) as server:
        _, _, counts = ask(folder, server, "--rows", "1")
        assert (counts["failed"], len(server.asked)) == ("1", ASKS)
    row = rows_of(folder)[0]
    assert "gold" not in row and why in row["teacher"]["failed"]


def test_a_label_that_is_none_is_counted(folder):
    with MistralServer(rows_of(folder), then=lambda good: (200, completion(change(good, "max_label", "around 12")))) as server:
        assert ask(folder, server, "--rows", "2")[2]["unlabelled"] == "2"
    assert set(rows_of(folder)[0]["teacher"]["labels"]) == {"trend", "noise", "min"}


@pytest.mark.parametrize("status, body, says", [
    (200, [1], "not in JSON as Mistral's API does ([1])"), (200, "12", "not in JSON"), (200, "[" * 100_000, "not in JSON"),
    (200, {"choices": None}, "not in JSON"), (200, {"error": {"message": "overloaded"}}, "overloaded"),
    (500, {"error": "model requires more system memory (20 GiB)"}, "requires more system memory"),
    (400, {"message": "This model's maximum context length is 512 tokens."}, "maximum context length is 512"),
])  # fmt: skip
def test_is_told_in_one_line(folder, status, body, says):
    with MistralServer(rows_of(folder), then=lambda good: (status, body)) as server:
        assert says in ask(folder, server, code=2)[1]
    assert not any("teacher" in row for row in rows_of(folder))


def test_a_server_that_wants_a_key_is_not_said_to_refuse_one(folder):
    with MistralServer(rows_of(folder), then="401", key="none") as server:
        assert "this server wants a key: export MISTRAL_API_KEY" in ask(folder, server, code=2, key=None)[1]


def test_the_address_may_be_that_of_the_chat(folder):
    with MistralServer(rows_of(folder)) as server:
        for number, end in enumerate(("/", "/v1/", "/v1/chat/completions", "/chat/completions/")):
            run(folder, "--server-url", server.url + end, "--rows", "1")
            assert len(server.asked) == number + 1 and server.problems == []


@pytest.mark.parametrize("flags, says", [
    (("--second", ""), "is not the name of a model"), (("--model", " "), "is not the name of a model"),
    (("--server-url", "http://me:secret@127.0.0.1:9"), "without user, password or query"),
    (("--server-url", "http://127.0.0.1:9/?key=secret"), "without user, password or query"),
])  # fmt: skip
def test_flags_that_would_be_misread_or_tell_a_secret(folder, flags, says):
    out, err, _ = run(folder, *flags, code=2)
    assert says in err and "secret" not in out + err


def test_another_model_that_goes_on_is_told_of_the_answers_of_the_first(folder):
    with MistralServer(rows_of(folder)) as server:
        assert "also_here" not in ask(folder, server, "--rows", "2")[0]
        assert "also_here: 2 answers of mistral-medium-latest" in ask(folder, server, "--rows", "1", "--model", "another")[0]


def test_a_proxy_is_not_asked_for_a_server_on_this_machine(folder):
    """Clusters name one in the environment; and one that the HTTP library cannot use is one line."""
    with MistralServer(rows_of(folder)) as server:
        away = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
        assert ask(folder, server, "--rows", "1", **away)[2]["new"] == "1"
        ask(folder, server, "--rows", "1", ALL_PROXY="socks5://127.0.0.1:9", SSL_CERT_FILE="/nowhere")
    _, err, _ = run(folder, "--server-url", "http://teacher.invalid", code=2, SSL_CERT_FILE="/nowhere")
    assert "check the proxies and SSL_CERT_FILE" in err


def test_a_second_teacher_in_other_letters_is_the_first(folder):
    with MistralServer(rows_of(folder)) as server:
        ask(folder, server, "--rows", "2")
        assert "is the teacher of" in ask(folder, server, "--second", "Mistral-Medium-Latest", code=2)[1]
        assert len(server.asked) == 2
