"""docs/serving.md with the real programs on loopback: llama-cli, llama-server, adapters switched, OpenAI's client.

Commands are read from that page and run as they stand there; only the port is another one, and the export compares 4 rows.
Needs: models/, build/ (python fetch.py smollm2 llama-server), openai; else what needs it skips.
"""

import concurrent.futures
import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import time

import llama_shim
import numpy as np
import pytest
import requests
from conftest import ROOT

from llm_ts.base import cli, paths
from llm_ts.question import STUDY, messages_of
from llm_ts.student import origin

pytestmark = pytest.mark.slow

RISE = [round(99 * i / 31) for i in range(32)]
HILL = [*range(60, 99, 3), *range(99, 0, -6), 0, 0]  # up, then further down
SHORT = 24  # tokens: the first sentence, which says increasing or decreasing


@pytest.fixture(scope="module")
def readme():
    """(lines of shell, texts of Python) of the page."""
    with open(os.path.join(ROOT, "docs", "serving.md"), encoding="utf-8") as file:
        page = file.read()
    lines = "".join(re.findall(r"```bash\n(.*?)```", page, re.DOTALL)).splitlines()
    return [re.sub(r"\s+#.*", "", line) for line in lines], re.findall(r"```python\n(.*?)```", page, re.DOTALL)


def one(lines, *words):
    """The one line that holds all these words."""
    (found,) = [line for line in lines if all(word in line for word in words)]
    return found


def shell(line, cwd, code=0):
    """Run a line as a user does; its stdout."""
    env = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}", "LLAMA_ARG_THREADS": "1"}
    pipes = {"capture_output": True, "stdin": subprocess.DEVNULL, "text": True}
    done = subprocess.run(["bash", "-c", line], cwd=cwd, env=env, timeout=900, **pipes)
    assert done.returncode == code, (line, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def shelf(readme, smollm2, tmp_path_factory):
    """A folder that looks like the repository's, with student.gguf, base.gguf, base-lora.gguf, minus.gguf and prompt.txt."""
    llama_shim.program("llama-server")
    try:
        paths.llama_cpp()
    except cli.UserError as error:
        pytest.skip(str(error))
    folder, (lines, _) = tmp_path_factory.mktemp("shelf"), readme
    for name in ("hf2gguf.py", "describe.py", "trained", "examples", "build", "models"):
        os.symlink(os.path.join(ROOT, name), folder / name)
    for strategy in ("--quant q8_0", "--strategy separate"):
        shell(one(lines, "hf2gguf.py", strategy) + " --rows 4", folder)
    shell(one(lines, "--prompt"), folder)
    negate(folder / "base-lora.gguf", folder / "minus.gguf")
    return folder


def negate(adapter, target):
    """Another adapter: what the first one adds, it takes away. Written by gguf's own writer."""
    from gguf import GGUFReader, GGUFValueType, GGUFWriter

    reader = GGUFReader(adapter)
    writer = GGUFWriter(target, reader.get_field("general.architecture").contents())
    for name, field in reader.fields.items():
        if name.startswith("general.architecture") or name.startswith("GGUF."):
            continue
        value, kind = field.contents(), field.types[0]
        writer.add_array(name, value) if kind == GGUFValueType.ARRAY else writer.add_key_value(name, value, kind)
    for tensor in reader.tensors:
        data = np.array(tensor.data)
        writer.add_tensor(tensor.name, -data if tensor.name.endswith("lora_b") else data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def serving(line, folder, **env):
    return llama_shim.serving(shlex.split(line.replace("8080", "PORT")), folder, **env)


@pytest.fixture(scope="module")
def server(readme, shelf):
    """llama-server with the merged student."""
    with serving(one(readme[0], "llama-server", "student.gguf"), shelf) as url:
        yield url


def ask(url, series, most=64, **more):
    """The student's answer to a series, as a text."""
    body = {"messages": messages_of(STUDY.prompt_of(series, "thirds")), "temperature": 0, "max_tokens": most, **more}
    reply = requests.post(f"{url}/v1/chat/completions", json=body, timeout=600)
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]["message"]["content"]


def right(answer, series):
    """Whether an answer says of trend, maximum and minimum what is true."""
    read, truth = STUDY.parse(answer).read, STUDY.truth_of(series)
    return all(read[claim] == truth[claim] for claim in ("trend", "max", "min"))


def described(out):
    """The labels in the table that describe.py prints."""
    return {line.split()[0]: line.split()[1] for line in out.splitlines() if line.split(" ")[0] in STUDY.claims}


def test_llama_cli_says_what_describe_says(readme, shelf):
    lines, _ = readme
    out = shell(one(lines, "llama-cli"), shelf)
    (said,) = [line for line in out.splitlines() if line.startswith('{"trend"')]
    answer = STUDY.parse(said)
    asked = shell(one(lines, "--prompt").replace("--prompt > prompt.txt", ""), shelf)
    assert answer.parse == "strict" and answer.read == described(asked)


def test_describe_and_openais_client_ask_the_server(readme, shelf, server):
    lines, (code,) = readme
    out = shell(one(lines, "--server", "student.gguf").replace("http://127.0.0.1:8080", server), shelf)
    assert out.count(" right") == 4 and "series written as 'thirds'" in out
    pytest.importorskip("openai", reason="openai is missing: pip install openai")
    path = shelf / "client.py"
    path.write_text(code.replace("http://127.0.0.1:8080", server))
    answer = STUDY.parse(shell(f"python {path}", shelf).strip())
    assert answer.parse == "strict" and answer.read == described(out)


def test_a_schema_binds_the_answer(server):
    """Another form than the one learnt: the grammar, not the training, makes it."""
    schema = {
        "type": "object",
        "properties": {"direction": {"enum": ["up", "down"]}, "points": {"type": "integer"}},
        "required": ["direction", "points"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "form", "schema": schema, "strict": True}}
    found = json.loads(ask(server, RISE, response_format=form))
    assert set(found) == {"direction", "points"} and found["direction"] in ("up", "down") and isinstance(found["points"], int)
    form["json_schema"]["schema"] = STUDY.schema
    assert right(ask(server, RISE, response_format=form), RISE)


def test_eight_clients_at_once_and_one_that_goes_away(server):
    """Each gets the answer to its own series; of the one that went, the server lets go."""
    many = [RISE, RISE[::-1], HILL, HILL[::-1]] * 2
    alone = [ask(server, series) for series in many[:4]]
    body = {"messages": messages_of(STUDY.prompt_of(RISE, "thirds")), "stream": True, "max_tokens": 2000, "ignore_eos": True}
    host = server.removeprefix("http://")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(ask, server, series) for series in many]
        gone = http.client.HTTPConnection(host, timeout=600)
        gone.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        assert gone.getresponse().readline().startswith(b"data: ")
        gone.close()
        answers = [future.result() for future in waiting]
    assert all(right(answer, series) for answer, series in zip(answers, many)), answers
    # in a batch sums are rounded otherwise: a word may change where two are nearly as likely, a claim does not
    assert [STUDY.parse(text).read["trend"] for text in answers[:4]] == [STUDY.parse(text).read["trend"] for text in alone]
    for _ in range(600):
        if not any(slot["is_processing"] for slot in requests.get(f"{server}/slots", timeout=60).json()):
            break
        time.sleep(0.1)
    else:
        pytest.fail("the server still writes for the client that went away")


def test_a_prompt_that_is_too_long_is_one_line(readme, shelf):
    (shelf / "long.csv").write_text("flow\n" + "\n".join(map(str, range(1000, 1128))))
    line = one(readme[0], "llama-server", "student.gguf")
    with serving(line, shelf, LLAMA_ARG_CTX_SIZE="256", LLAMA_ARG_N_PARALLEL="1") as url:
        said = shell(f"python describe.py long.csv --server {url} --model student.gguf", shelf, code=2)
    assert said.startswith("describe.py: a series is too long for http") and len(said.splitlines()) == 1


def switch(url, *scales):
    body = [{"id": number, "scale": scale} for number, scale in enumerate(scales)]
    assert requests.post(f"{url}/lora-adapters", json=body, timeout=60).json() == {"success": True}


def test_an_adapter_is_switched_as_the_readme_says(readme, shelf):
    lines, _ = readme
    with serving(one(lines, "llama-server", "base.gguf"), shelf) as url:
        line = one(lines, "--server", "trained/").replace("http://127.0.0.1:8080", url)
        assert shell(line, shelf).count(" right") == 4
        off = one(lines, "curl")
        body = shlex.split(off)[shlex.split(off).index("-d") + 1]
        assert "/lora-adapters" in off and requests.post(f"{url}/lora-adapters", data=body, timeout=60).ok
        assert "adapters switched off" in shell(line, shelf, code=2)


def test_two_adapters_are_added_up_scaled_and_switched_while_it_answers(readme, shelf):
    """The second adapter takes away what the first adds: both are the base; 2 of the first with it are the first alone."""
    line = one(readme[0], "llama-server", "base.gguf").replace("base-lora.gguf", "base-lora.gguf,minus.gguf")
    with serving(line, shelf) as url:

        def said(*scales):
            switch(url, *scales)
            return ask(url, RISE, SHORT)

        trained, base = said(1, 0), said(0, 0)
        assert '"The trend is increasing."' in trained and base != trained
        assert said(1, 1) == base and said(2, 1) == trained and said(0, -1) == trained and said(0.5, -0.5) == trained
        assert said(0, 1) not in (base, trained)
        switch(url, 1, 0)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            running = [pool.submit(ask, url, RISE, SHORT) for _ in range(10)]
            for scale, answer in ((0, base), (1, trained), (0, base), (1, trained)):
                assert said(scale, 0) == answer
            answers = [future.result() for future in running]
        assert set(answers) <= {base, trained} and trained in answers


def read_modelfile(text):
    """A Modelfile as Ollama's documents describe it: an instruction, then one line, or three quotes up to three quotes."""
    found = re.findall(r'^(\w+) (?:"""(.*?)"""|(.*?))$', text, re.M | re.DOTALL)
    assert re.sub(r'^(\w+) (?:"""(.*?)"""|(.*?))$\n?', "", text, flags=re.M | re.DOTALL) == ""
    return [(name, quoted or plain) for name, quoted, plain in found]


def test_ollamas_modelfile_asks_as_llama_server_does(shelf, server):
    """Its template, filled in as Ollama's documents say, is what llama.cpp makes of the model's own; the end token stops it."""
    told = read_modelfile((shelf / "student.Modelfile").read_text())
    assert told[0] == ("FROM", "./student.gguf") and {name for name, _ in told} == {"FROM", "TEMPLATE", "SYSTEM", "PARAMETER"}
    about = dict(pair for pair in told if pair[0] != "PARAMETER")
    prompt = STUDY.prompt_of(RISE, "thirds")
    messages = messages_of(prompt)
    assert about["SYSTEM"] == messages[0]["content"]
    filled = about["TEMPLATE"].partition("{{ .Response }}")[0]
    filled = filled.replace("{{ .System }}", about["SYSTEM"]).replace("{{ .Prompt }}", prompt)
    assert filled == requests.post(f"{server}/apply-template", json={"messages": messages}, timeout=60).json()["prompt"]
    parameters = [value.split(" ", 1) for name, value in told if name == "PARAMETER"]
    assert ["temperature", "0"] in parameters and ["stop", '"<|im_end|>"'] in parameters
    two = read_modelfile((shelf / "base.Modelfile").read_text())
    assert two[:2] == [("FROM", "./base.gguf"), ("ADAPTER", "./base-lora.gguf")]


def test_the_files_say_what_their_student_learnt(shelf):
    assert origin.of(str(shelf / "student.gguf")) == origin.of(paths.SHIPPED)
    assert origin.of(paths.SHIPPED) and origin.of(str(shelf / "base.gguf")) is None
