"""Curation finds exactly the planted errors; conversion splits, formats and diagnoses.

Needs: models/all-MiniLM-L6-v2 for the cosines (else those skip).
"""

import csv
import json
import subprocess
from collections import Counter

import pytest
from conftest import run_script
from described import bytes_of, curated_of, numbers_in, other, plant, rows_of, rows_with_gold, write_rows

import curate
from llm_ts import question
from llm_ts.base import disk
from llm_ts.claims import extrema, noise, trend
from llm_ts.data import records
from llm_ts.data.pair import split_of
from llm_ts.question import STUDY
from llm_ts.review import verify_csv
from llm_ts.scores.similarity import NLI_SCORES, Scorer


def test_curation_finds_exactly_the_planted_errors(tmp_path):
    rows = rows_with_gold(150)
    planted = plant(rows)
    write_rows(tmp_path, rows)
    out = run_script("curate.py", cwd=tmp_path).stdout
    found = {}
    for row in rows_of(tmp_path):
        for name, sentence in row["curated"].items():
            if sentence["reason"] != "agrees":
                found[row["id"], name] = "unread" if sentence["reason"] == "unread" else sentence["status"]
            if sentence["status"] == "replaced":
                assert sentence["text"] == row["truth"]["sentences"][name]
            else:
                assert sentence["text"] == row["gold"][name]
    assert found == planted
    to_verify = sum(status in ("verify", "unread") for status in planted.values())  # no label beside it: a human looks at it
    assert to_verify > 10 and f"to_verify_sentences: {to_verify} (" in out
    before = bytes_of(tmp_path)
    run_script("curate.py", cwd=tmp_path)
    assert bytes_of(tmp_path) == before


UNREAD = "The noise is hard to judge."
LABELS = [  # the sentence on noise, the label beside it, the truth and whether it is clear; what becomes of it
    ("The noise intensity is low.", "low", "low", True, "kept", "agrees"),
    ("The noise intensity is low.", None, "low", True, "kept", "agrees"),
    ("The noise intensity is low.", "high", "low", True, "verify", "label: noise reads low, its label is high"),
    ("The noise intensity is low.", "high", "high", False, "verify", "label: noise reads low, its label is high"),
    ("The noise intensity is low.", "low", "high", True, "verify", "contradicts: noise said low, is high"),
    ("The noise intensity is low.", "low", "high", False, "kept", "unclear, contradicts: noise said low, is high"),
    (UNREAD, "low", "low", True, "kept", "unread, its label agrees"),
    (UNREAD, "low", "high", True, "verify", "contradicts: noise said low, is high"),
    (UNREAD, "low", "high", False, "kept", "unclear, contradicts: noise said low, is high"),
    (UNREAD, None, "low", True, "verify", "unread"),
    (UNREAD, None, "low", False, "verify", "unread"),
]


@pytest.mark.parametrize("text, label, truth, clear, status, reason", LABELS)
def test_the_label_beside_a_sentence_is_a_second_reading(text, label, truth, clear, status, reason):
    truth = {"noise": truth, "clear": {"noise": clear}, "numbers": {"rough": 0.1}}
    found = curate.curate_sentence(noise, text, truth, {"noise": label} if label else {})
    assert found == {"text": text, "status": status, "reason": reason}


@pytest.mark.parametrize(
    "text",
    ["La serie augmente nettement.", "Die Reihe steigt deutlich an.", "Тренд возрастает.", "趋势是上升的。", "De reeks stijgt."],
)
def test_a_sentence_in_another_language_is_never_right_because_of_its_label(text):
    truth = {"trend": "increasing", "clear": {"trend": True}, "numbers": {"rise": 0.9}, "sentences": {"trend": "The trend is increasing."}}
    for labels in ({"trend": "increasing"}, {"trend": "decreasing"}, {}):
        assert curate.curate_sentence(trend, text, truth, labels)["status"] == "verify"
    in_english = curate.curate_sentence(trend, "The trajectory bends inexorably skyward.", truth, {"trend": "increasing"})
    assert in_english["reason"] == "unread, its label agrees"


def test_two_claims_in_one_sentence_have_a_label_each():
    truth = {"max": "end", "min": "middle", "clear": {"max": True, "min": True}, "numbers": {"max_at": 47, "min_at": 20}, "sentences": {"extrema": "Said by the truth."}}

    def status(text, **labels):
        return curate.curate_sentence(extrema, text, truth, labels)["status"]

    peak, both = "The maximum lies at the end.", "The maximum lies at the end and the minimum in the middle."
    assert status(peak) == "verify"  # nothing is said of the minimum
    assert (status(peak, min="middle"), status(peak, min="beginning")) == ("kept", "replaced")
    assert (status(both), status(both, max="end", min="middle"), status(both, min="end")) == ("kept", "kept", "verify")


def test_curation_reads_the_labels_of_the_teacher(tmp_path):
    rows = rows_with_gold(4)
    for row, label in zip(rows, ("right", "wrong", "none", "odd")):
        row["gold"]["noise"] = UNREAD
        row["truth"]["clear"]["noise"] = True
        said = row["truth"]["noise"] if label == "right" else other("noise", row["truth"]["noise"])
        row["teacher"] = {"model": "any", "labels": {} if label == "none" else {"noise": said}}
    rows[3]["teacher"]["labels"] = {"noise": "loud"}
    write_rows(tmp_path, rows)
    assert "its teacher is not" in run_script("curate.py", cwd=tmp_path, code=2).stderr
    write_rows(tmp_path, rows[:3])
    run_script("curate.py", cwd=tmp_path)
    found = [curated["noise"] for curated in curated_of(tmp_path).values()]
    assert [sentence["status"] for sentence in found] == ["kept", "verify", "verify"]
    assert [sentence["reason"][:11] for sentence in found] == ["unread, its", "contradicts", "unread"]


def test_a_humans_decisions_are_applied_and_survive(tmp_path):
    rows = rows_with_gold(60)
    plant(rows)
    write_rows(tmp_path, rows)
    run_script("curate.py", cwd=tmp_path)
    with open(tmp_path / "verify.csv", encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) >= 2
    lines[0]["decision"], lines[1]["decision"] = "gold", "truth"
    with open(tmp_path / "verify.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, verify_csv.COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    for _ in range(2):
        out = run_script("curate.py", cwd=tmp_path).stdout
        assert f"to_verify_sentences: {len(lines) - 2} (" in out
        curated = curated_of(tmp_path)
        for line, source in zip(lines, ("gold", "truth")):
            sentence = curated[line["id"]][line["sentence"]]
            assert (sentence["status"], sentence["text"]) == ("verified", line[source])
    decided = (tmp_path / "verify.csv").read_bytes()
    assert decided.startswith(b"\xef\xbb\xbf")  # spreadsheets know by it that it is UTF-8
    (tmp_path / "verify.csv").write_bytes(decided.removeprefix(b"\xef\xbb\xbf"))
    run_script("curate.py", cwd=tmp_path)
    assert (tmp_path / "verify.csv").read_bytes() == decided
    (tmp_path / "verify.csv").write_bytes(decided + b"\x81")  # in UTF-8 no letter
    assert "UTF-8" in run_script("curate.py", cwd=tmp_path, code=2).stderr
    noted = "id,sentence,gold,truth,second,reason,decision,note\nou_000000,trend,a,b,,c,gold,mine\n"
    (tmp_path / "verify.csv").write_text(noted)
    assert "its columns must be" in run_script("curate.py", cwd=tmp_path, code=2).stderr
    assert (tmp_path / "verify.csv").read_text() == noted


def test_the_split_is_fixed_by_the_id():
    splits = {f"ou_{k:06d}": split_of(f"ou_{k:06d}") for k in range(20_000)}
    share = list(splits.values()).count("test") / len(splits)
    assert abs(share - 0.1) < 4.5 * (0.09 / 20_000) ** 0.5
    for k in range(12):  # against coreutils' own hash
        digest = subprocess.run(["sha256sum"], input=f"ou_{k:06d}".encode(), capture_output=True).stdout.split()[0]
        assert splits[f"ou_{k:06d}"] == ("test" if int(digest, 16) % 10 == 0 else "train")


def test_pairs_keep_what_the_next_stages_need(tmp_path):
    rows = rows_with_gold(150)
    plant(rows)
    write_rows(tmp_path, rows)
    run_script("curate.py", cwd=tmp_path)
    run_script("convert.py", "--format", "thirds", "--diagnostics", "0", cwd=tmp_path)
    pairs = records.read(str(tmp_path / "test_jsonl.jsonl"))
    curated = curated_of(tmp_path)
    left_out = {row["id"] for row in rows} - {pair["id"] for pair in pairs}
    open_ones = {i for i, c in curated.items() if any(s["status"] == "verify" for s in c.values())}
    assert left_out == {i for i in open_ones if split_of(i) == "train"} and left_out
    for pair in pairs:
        assert numbers_in(pair["prompt"]) == pair["series"]
        assert pair["format"] == "thirds" and len(pair["series"]) == 48
        said = json.loads(pair["answer"])
        for name, sentence in curated[pair["id"]].items():
            to_verify = sentence["status"] == "verify"  # in the test split only: the truth's own stands in
            assert said[name] == (pair["truth"]["sentences"][name] if to_verify else sentence["text"])
    plain, both = tmp_path / "template.jsonl", tmp_path / "both.jsonl"
    for path in (plain, both):
        run_script("convert.py", "--format", "thirds", "--diagnostics", "0", "--words", path.stem, "--out", path, cwd=tmp_path)
    said = [question.parts_of(pair["answer"]) for pair in records.read(str(both))]
    first = [question.parts_of(pair["answer"]) for pair in records.read(str(plain))]
    assert said == [[*one, *question.parts_of(pair["answer"])] for one, pair in zip(first, pairs, strict=True)]
    before = bytes_of(tmp_path)
    for script, flag in (("convert.py", "--out"), ("curate.py", "--verify-file")):
        assert "overwritten" in run_script(script, flag, "./data.jsonl", cwd=tmp_path, code=2).stderr
    run_script("convert.py", "--format", "thirds", "--diagnostics", "0", cwd=tmp_path)
    assert bytes_of(tmp_path) == before


def test_diagnostics_say_where_the_scores_come_from(tmp_path, embedder):
    rows = rows_with_gold(40)
    planted = plant(rows)
    write_rows(tmp_path, rows)
    run_script("curate.py", cwd=tmp_path)
    missing = str(tmp_path / "no-such-nli")
    done = run_script("convert.py", "--embedder", embedder, "--nli", missing, cwd=tmp_path)
    assert "scores come from the claims" in done.stderr and "nli_scores_from: claims (no NLI model" in done.stdout
    content = disk.read_json(str(tmp_path / "convert_diagnostics.json"), "convert.py")
    assert content["nli_model"].startswith("claims")
    for entry in content["rows"]:
        for name in STUDY.topics:
            status = planted.get((entry["id"], name))
            assert entry["nli"][name] == (1.0 if status is None else 0.5 if status == "unread" else 0.0)
            assert (entry["cosine"][name] > 0.9999) == (status is None)
    assert (tmp_path / "convert_diagnostics.png").read_bytes().startswith(b"\x89PNG")


def test_of_many_rows_some_are_compared_and_their_number_is_said(tmp_path, embedder):
    rows = rows_with_gold(30)
    write_rows(tmp_path, rows)
    found = []
    for limit in (12, 12, 30):
        flags = ("--answers", "gold", "--embedder", embedder, "--nli", "none", "--diagnostics", limit)
        out = run_script("convert.py", *flags, cwd=tmp_path).stdout
        assert ("diagnostics: 12 of 30" in out) == (limit == 12)
        content = disk.read_json(str(tmp_path / "convert_diagnostics.json"), "convert.py")
        assert content["means"]["trend"]["nli"]["n"] == len(content["rows"]) == limit
        found.append([entry["id"] for entry in content["rows"]])
        assert len(records.read(str(tmp_path / "test_jsonl.jsonl"))) == 30
    assert found[0] == found[1] and set(found[0]) < set(found[2]) == {row["id"] for row in rows}


@pytest.mark.parametrize("order", [("CONTRADICTION", "NEUTRAL", "ENTAILMENT"), ("entailment", "contradiction", "neutral")])
def test_nli_labels_are_read_from_the_models_config(tmp_path, embedder, order):
    """A real classifier whose bias always picks its class 0: the score must be that label's, whatever its place."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path / "nli"
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "noise", "low", "high", "the", "is", "."]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    labels = {"id2label": dict(enumerate(order)), "label2id": {name: i for i, name in enumerate(order)}}
    model = BertForSequenceClassification(BertConfig(vocab_size=len(words), **sizes, **labels))
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([5.0, 0.0, 0.0]))
    model.save_pretrained(folder)
    scorer = Scorer(embedder, str(folder))
    scores = scorer.nli("noise", [("The noise is low.", "The noise is high.")] * 3)
    assert scores == [NLI_SCORES[order[0].lower()]] * 3
    assert scorer.nli_name == str(folder)


def test_an_audit_draws_first_from_what_a_label_alone_carried(tmp_path):
    """Of sixty rows four have a trend that nobody reads, with a label that agrees: they are counted, and the first to be looked at."""
    rows = rows_with_gold(60)
    for row in rows[:4]:
        row["gold"]["trend"] = "The whole window of the curve is what it is."
        row["teacher"] = {"labels": {"trend": row["truth"]["trend"]}}
    write_rows(tmp_path, rows)
    assert "label_alone: 4 (2.2% of 180 sentences)" in run_script("curate.py", cwd=tmp_path).stdout
    for count, unread in ((3, 3), (6, 4)):
        run_script("curate.py", "--audit", count, cwd=tmp_path)
        lines = list(csv.DictReader((tmp_path / "verify.csv").read_text("utf-8-sig").splitlines()))
        shown = [line for line in lines if line["reason"].startswith("audit: ")]
        assert len(shown) == count and sum("label agrees" in line["reason"] for line in shown) == unread
    table = (tmp_path / "verify.csv").read_text()
    run_script("curate.py", "--audit", 6, cwd=tmp_path)
    assert (tmp_path / "verify.csv").read_text() == table  # the same at each start
    (tmp_path / "verify.csv").write_text(table.replace('label agrees",,', 'label agrees",truth,', 1))
    run_script("curate.py", cwd=tmp_path)  # without the flag a decision holds, and what is open is kept again
    statuses = Counter(one["status"] for row in rows_of(tmp_path) for one in row["curated"].values())
    assert statuses["verified"] == 1 and statuses["verify"] == 0
