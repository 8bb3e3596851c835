"""ts_check_training.py as a program: terminal, page in a real browser, TextSynth's API against a real local server.

Needs: chromium for the page in a browser (else that test skips aloud). The embedder is not needed: NLI and cosine of
the files looked at are made here by a stand-in.
"""

import json
import re
import shutil

import pytest
from conftest import run_script
from small_server import SmallServer
from test_scoring import WordScorer

import convert
import ts_check_training
from llm_ts.base import cli, disk
from llm_ts.data import pair
from llm_ts.scores import evaluation, marked
from llm_ts.series import rows as series_rows
from llm_ts.teacher import textsynth

KEY = "sk-secret-textsynth-0123"
HOSTILE = '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">\x1b[31mred\x1b[0m "é" & \u202e'


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A model's folder with 6 test rows; the second answer after the training is hostile text."""
    tmp_path = tmp_path_factory.mktemp("evaluated")
    rows, _ = series_rows.make(8, range(80), 48)
    for row in rows:
        row["gold"] = row["truth"]["sentences"]
    pairs = [convert.pair_of(row, "thirds", "truth") for row in rows]
    test = [made for made in pairs if made["split"] == "test"][:6]
    good = [pair.answer_of(made) for made in test]
    scorer = WordScorer()
    for name, answers in (
        ("avant", ["I do not know."] * 6),
        ("checkpoint-20", [good[0], HOSTILE, *good[2:]]),
        ("majority", [good[0]] * 6),
        ("teacher", good),
    ):
        content = evaluation.make(name, test, answers, scorer, base="x", step=None)
        disk.write_json(str(tmp_path / f"evaluation_{name}.json"), content)
    pair.write(str(tmp_path / "test_rows.jsonl"), test)
    return tmp_path


@pytest.fixture
def folder(evaluated, tmp_path):
    return shutil.copytree(evaluated, tmp_path, dirs_exist_ok=True)


def rows_of(folder):
    return pair.read_all(str(folder / "test_rows.jsonl"))


def test_the_terminal_shows_every_sample_and_neutralises_model_text(folder):
    out = run_script("ts_check_training.py", "evaluation_checkpoint-20.json", cwd=folder).stdout
    assert "\033" not in out and "\u202e" not in out and "\\x1b[31mred" in out
    for row in rows_of(folder):
        assert f"\n{row['id']}\n" in out and (folder / "plotdiag" / f"{row['id']}.png").exists()
    assert out.count("trend unread") == 6 + 1 and out.count("trend right") == 5
    wrong = run_script("ts_check_training.py", "evaluation_checkpoint-20.json", "--only-wrong", cwd=folder).stdout
    assert len(re.findall(r"^ou_\d+$", wrong, re.M)) == 1


@pytest.mark.slow
def test_the_page_is_self_contained_and_runs_nothing_of_the_models(folder, tmp_path, browser):
    run_script("ts_check_training.py", "evaluation_checkpoint-20.json", cwd=folder)
    page = shutil.move(folder / "plotdiag" / "index.html", tmp_path / "alone.html")  # it must work without the folder beside it
    assert not re.search(r'(src|href)="(?!data:)', page.read_text())
    browser.open(f"file://{page}", "document.querySelectorAll('.card').length === 6")
    assert browser.value("document.title").endswith("checkpoint-20") and browser.value("document.images.length") == 0
    assert '<script>document.title="owned"</script><img' in browser.text("body")


@pytest.mark.slow
def test_cards_are_chosen_by_claim_and_outcome(folder, browser):
    """And each picture marks what is true: places of the extremes, ends of the fitted line, in the colours of the outcomes."""
    run_script("ts_check_training.py", "evaluation_checkpoint-20.json", cwd=folder)
    browser.open(f"file://{folder}/plotdiag/index.html", "document.querySelector('#shown')?.textContent === '6 of 6 shown'")
    ids = browser.value("[...document.querySelectorAll('.card h3')].map(head => head.textContent)")
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=True)
    assert browser.value("document.documentElement.scrollWidth") == 390  # a phone: nothing sticks out at the side
    browser.call("Emulation.clearDeviceMetricsOverride")
    assert sorted(ids) == sorted(row["id"] for row in rows_of(folder))

    shown = "[...document.querySelectorAll('.card:not([hidden]) h3')].map(head => head.textContent)"
    choose = "(l => { l.value = '%s'; l.dispatchEvent(new Event('change')); })(document.querySelector('#%s'))"
    browser.value(choose % ("not right", "outcome"))
    assert browser.value(shown) == ids[:1] and browser.text("#shown") == "1 of 6 shown"  # the hostile answer was not right
    browser.value(choose % ("trend", "claim"))
    browser.value(choose % ("right", "outcome"))
    assert browser.value(shown) == ids[1:]
    rows = {row["id"]: row for row in rows_of(folder)}
    for number, row_id in enumerate(ids):
        series = rows[row_id]["series"]
        card = f"document.querySelectorAll('.card')[{number}]"
        path = browser.value(f"[...{card}.querySelector('polyline').points].map(p => [p.x, p.y])")
        assert len(path) == len(series)
        for claim, place in (("max", series.index(max(series))), ("min", series.index(min(series)))):
            found = browser.value(f"(d => [+d.getAttribute('cx'), +d.getAttribute('cy'), d.getAttribute('class')])({card}.querySelector('circle.{claim}'))")
            assert found == [*(pytest.approx(at, abs=0.01) for at in path[place]), f"{claim} {'unread' if number == 0 else 'right'}"]
        ends = browser.value(f"(l => ['y1', 'y2'].map(end => +l.getAttribute(end)))({card}.querySelector('.fit'))")
        top, bottom = series.index(max(series)), series.index(min(series))
        scale = (path[bottom][1] - path[top][1]) / (max(series) - min(series))  # of all: heights are rounded to a tenth
        rise = rows[row_id]["truth"]["numbers"]["rise"] * (max(series) - min(series))
        assert (ends[0] - ends[1]) / scale == pytest.approx(rise, abs=0.2)


@pytest.mark.slow
def test_no_text_of_a_picture_is_cut_off(folder, browser):
    """Long numbers, long names, extremes at all edges: every text lies within its picture."""
    cases = [
        ([1e9 + k for k in range(30)], "a name that is long, " * 9, ("1 January of the year 1871 at noon", "2 " * 60)),
        ([0.000001 * (30 - k) for k in range(30)], "value", None),
        ([-123456.75 + (k % 7) for k in range(200)], "漢字 [m³/s]", ("a", "b")),
        ([1e-300, 1e300] * 10, "<b>&", ("2024-01-01T00:00:00Z", "2024-12-31T00:00:00Z")),
    ]
    outcomes = {"trend": "right", "noise": "wrong", "max": "unread", "min": "ambiguous"}
    drawn = [marked.picture(values, outcomes, {}, name, ends, width, 280) for values, name, ends in cases for width in (320, 480, 1000)]
    (folder / "all.html").write_text(f'<meta charset="utf-8"><style>svg text {{ font: 12px sans-serif }}</style>{"".join(drawn)}')
    browser.open(f"file://{folder}/all.html", f"document.querySelectorAll('svg').length === {len(drawn)}")
    outside = """[...document.querySelectorAll('svg')].flatMap(svg => [...svg.querySelectorAll('text')].filter(text => {
        const box = text.getBBox(), all = svg.viewBox.baseVal;
        return box.x < 0 || box.y < 0 || box.x + box.width > all.width || box.y + box.height > all.height;
    }).map(text => text.textContent))"""
    assert browser.value(outside) == []
    ticks = browser.value("[...document.querySelectorAll('svg')].map(svg => [...svg.querySelectorAll('text[text-anchor=end]:not([class=part])')].map(t => t.textContent))")
    assert all(len(set(texts[:-1])) == len(texts) - 1 >= 2 for texts in ticks), ticks  # each tick has a number of its own; the last text is a time


class TextSynthServer(SmallServer):
    """Answers /v1/engines/<engine>/chat as TextSynth documents it, after the failures in `script`; `prompts`: what it answered."""

    def __init__(self, script=()):
        self.script, self.prompts = list(script), []
        super().__init__(self.chat)

    def chat(self, path, headers, body):
        failure = self.script.pop(0) if self.script else None
        if headers["Authorization"] != f"Bearer {KEY}" or path != "/v1/engines/some_engine/chat":
            failure = 404
        if failure in ("drop", "html"):
            return None if failure == "drop" else (200, b"<html>hello</html>")
        if failure:
            return failure, {"error": f"no: {headers['Authorization']}"}
        assert body["system"] and isinstance(body["messages"], list) and body["max_tokens"] > 50
        self.prompts.append(body["messages"][0])
        return 200, {"text": 'Sure! {"trend": "It rises.", "noise": "Low noise.", "extrema": "?"}'}


@pytest.fixture
def ask(folder, monkeypatch, capsys):
    """A function that runs ts_check_training.py without much patience -> what it printed."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(textsynth, "BACKOFF", 0.01)
    monkeypatch.setenv("TEXTSYNTH_API_KEY", KEY)

    def run(server, *more):
        try:
            ts_check_training.main(["--server-url", server.url, "--engine", "some_engine", "--nli", "none", *more])
        finally:
            out, err = capsys.readouterr()
        files = [path for path in folder.rglob("*") if path.is_file()]
        for content in (out.encode(), err.encode(), *(path.read_bytes() for path in files)):
            assert KEY.encode() not in content
        return out

    return run


def test_textsynth_is_asked_once_each_and_scored_alike(folder, ask, embedder):
    server = TextSynthServer([429, 500, "drop", 503])
    ask(server, "--rows", "2", "--embedder", embedder)
    assert len(server.prompts) == 2
    out = ask(server, "--embedder", embedder)
    assert len(server.prompts) == 6 and server.prompts == [pair.prompt_of(row) for row in rows_of(folder)]
    assert "asked: 4" in out
    content = evaluation.read(str(folder / "evaluation_textsynth-some_engine.json"))
    assert [sample["parse"] for sample in content["samples"]] == ["repaired"] * 6
    assert [sample["read"]["trend"] for sample in content["samples"]] == ["increasing"] * 6
    ask(server, "--embedder", embedder)
    assert len(server.prompts) == 6


@pytest.mark.parametrize(
    "script, why", [([401] * 4, "401"), ([404] * 4, "404"), (["html"] * 4, "does not answer as TextSynth"), ([500] * 28, "500")]
)
def test_textsynths_refusals_are_one_line(ask, script, why):
    """What three other rows meet too ends the run."""
    with pytest.raises(cli.UserError, match=why) as refused:
        ask(TextSynthServer(script))
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("kind", [400, 401, 422, "html"])
def test_a_row_that_textsynth_refuses_alone_counts_as_unread_and_is_asked_again(folder, ask, embedder, kind):
    server = TextSynthServer([kind])
    out = ask(server, "--embedder", embedder)
    first = rows_of(folder)[0]["id"]
    assert f"refused: {first} (" in out and "asked: 5" in out
    path = str(folder / "evaluation_textsynth-some_engine.json")
    assert [sample["read"]["trend"] for sample in evaluation.read(path)["samples"]] == [None] + ["increasing"] * 5
    assert "asked: 1" in ask(server, "--embedder", embedder)
    assert [sample["read"]["trend"] for sample in evaluation.read(path)["samples"]] == ["increasing"] * 6


def test_mistakes(folder, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    env = {"TEXTSYNTH_API_KEY": ""}
    assert "TEXTSYNTH_API_KEY" in run_script("ts_check_training.py", cwd=folder, env=env, code=2).stderr
    assert "inside a model's folder" in run_script("ts_check_training.py", "x.json", cwd=empty, code=2).stderr
    (folder / "broken.json").write_text("{")
    content = json.loads((folder / "evaluation_avant.json").read_text())
    content["samples"].pop()
    (folder / "short.json").write_text(json.dumps(content))
    for name, why in (("nowhere", "nowhere.json"), ("broken", "broken.json"), ("short", "does not belong")):
        assert why in run_script("ts_check_training.py", f"{name}.json", cwd=folder, code=2).stderr
    for name, value in (("outcome", []), ("nli", None), ("id", 7), ("read", [])):
        content = json.loads((folder / "evaluation_avant.json").read_text())
        content["samples"][2][name] = value
        (folder / "malformed.json").write_text(json.dumps(content))
        with pytest.raises(cli.UserError, match="not an evaluation file"):
            evaluation.read(str(folder / "malformed.json"))
    rows = rows_of(folder)
    rows[0]["id"] = "../evil"
    pair.write(str(folder / "test_rows.jsonl"), rows)
    assert "is not a file name" in run_script("ts_check_training.py", "evaluation_avant.json", cwd=folder, code=2).stderr
    assert not (folder / "plotdiag").exists()
