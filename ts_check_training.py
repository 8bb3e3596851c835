"""Look at what a student answered, sample by sample; or ask a TextSynth model the
same questions.

Reads, in a model's folder: test_rows.jsonl, an evaluation file of
qwen_train.py; the key from TEXTSYNTH_API_KEY.
Writes: plotdiag/<id>.png, plotdiag/index.html; for TextSynth also
textsynth-<engine>.jsonl (answers as they come) and
evaluation_textsynth-<engine>.json.
Run: cd Qwen2.5-0.5B-Instruct && python ../ts_check_training.py evaluation_checkpoint-140.json

Without a file it asks TextSynth. What is answered is not asked again: stop it
at any time and run it again. A row that it refuses while it answers another
counts as unread, and is asked again by the next run.
"""

import os
import re
import sys

from llm_ts import question
from llm_ts.base import cli, disk
from llm_ts.data import pair, records
from llm_ts.pictures.plot import plotter
from llm_ts.scores import evaluation, page, similarity, tables
from llm_ts.scores.score import REFERENCES
from llm_ts.teacher.textsynth import Refused, TextSynth

COLOURS = {"right": "32", "wrong": "31", "ambiguous": "33", "unread": "90"}
ROWS = "test_rows.jsonl"
IN_A_ROW = 4  # rows that are refused without an answer between them: it is not the rows


def beside(name):
    """The evaluation of that name, None where it is not there."""
    path = f"evaluation_{name}.json"
    return evaluation.read(path) if os.path.exists(path) else None


def show_sample(row, before, after, colour):
    """Print one sample: truth, gold, before, after, and each claim's outcome."""

    def paint(text, outcome):
        return f"\033[{COLOURS[outcome]}m{text}\033[0m" if colour else text

    its_question = question.of(row, ROWS)
    print(f"\n{row['id']}\n  truth   {page.truth_line(its_question, row['truth'])}")
    print(f"  gold    {cli.visible(page.gold_line(its_question, row))}")
    for name, sample in (("before", before), ("after", after)):
        if sample:
            print(f"  {name:<7} {cli.visible(sample['answer'])}")
            outcomes = sample["outcome"].items()
            claims = ", ".join(paint(f"{claim} {outcome}", outcome) for claim, outcome in outcomes)
            nli = "/".join(f"{value:g}" for value in sample["nli"].values())
            print(f"          {claims}; cosine {sample['cosine']:.3f}, nli {nli}")


def is_right(sample):
    """Whether all claims of a sample are right."""
    return all(outcome == "right" for outcome in sample["outcome"].values())


def write_page(rows, content, before, after):
    """Write plotdiag/: a plot of each series, and the page."""
    cards = []
    for row in sorted(rows, key=lambda row: is_right(after[row["id"]])):
        path = os.path.join("plotdiag", row["id"] + ".png")
        plotter(len(row["series"])).save(row["series"], path)
        cards.append(page.card(row, before.get(row["id"]), after[row["id"]]))
    compared = list(filter(None, (beside("avant"), content, *map(beside, REFERENCES))))
    curves = None
    if os.path.exists("training.png"):
        with open("training.png", "rb") as file:
            curves = file.read()
    title = f"{os.path.basename(os.getcwd())}: {content['name']}"
    about = f"series written as {content['task']['format']}; NLI scores from {content['nli_model']}; wrong samples first"
    disk.write_text("plotdiag/index.html", page.page_of(title, about, compared, curves, cards))


def ask_textsynth(rows, args):
    """Ask the rows that are not answered yet, score all, and write the evaluation file; returns its path."""
    if not re.fullmatch(r"[\w.-]+", args.engine):
        raise cli.UserError(f"--engine {args.engine!r}: give an engine's name, such as llama3.3_70B_instruct")
    client = TextSynth(args.engine, args.server_url)
    count, refused, in_a_row = 0, [], 0
    with records.writing(f"textsynth-{args.engine}.jsonl", create=True) as file, cli.Progress("answers", len(rows)) as bar:
        records.require(file, "answer", file.path, "ts_check_training.py")
        answers = {answer["id"]: answer["answer"] for answer in file}
        for row in rows:
            if row["id"] not in answers:
                try:
                    answers[row["id"]] = client.ask(pair.prompt_of(row))
                except Refused as error:
                    refused, in_a_row = [*refused, row["id"]], in_a_row + 1
                    if in_a_row == IN_A_ROW or len(refused) == len(rows):
                        raise
                    cli.say(f"{row['id']}: {error}")
                    continue
                in_a_row = 0
                file.append(records.line_of({"id": row["id"], "answer": answers[row["id"]]}))
                count += 1
                cli.say(f"{args.engine}: {count} asked, {len(answers)} of {len(rows)}")
            bar.step()
        texts = [answers.get(row["id"], "") for row in rows]
    scorer = similarity.Scorer(args.embedder, args.nli)
    content = evaluation.make(args.engine, rows, texts, scorer, base=f"TextSynth {args.engine}", step=None)
    path = f"evaluation_textsynth-{args.engine}.json"
    disk.write_json(path, content)
    if refused:
        print(f"refused: {', '.join(refused)} (unread here; run it again to ask them again)")
    print(f"asked: {count}")
    return path


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("evaluation", nargs="?", help="An evaluation file; without one, TextSynth is asked.")
    parser.add_argument("--only-wrong", action="store_true", help="Print only samples with a claim that is not right.")
    parser.add_argument("--engine", default="llama3.3_70B_instruct", help="TextSynth's engine.")
    parser.add_argument("--server-url", default="https://api.textsynth.com", help="A compatible server, without /v1.")
    parser.add_argument("--rows", type=cli.positive, help="Ask about so many test rows at most; default: all.")
    similarity.add_flags(parser)
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)

    # the test rows of the model's folder that we stand in, and the evaluation of these very rows
    if not os.path.exists(ROWS):
        raise cli.UserError(f"no {ROWS} here: run this inside a model's folder, made by qwen_train.py")
    rows = pair.read_all(ROWS, "qwen_train.py")
    records.require(rows, "id", ROWS, "qwen_train.py")  # the name of its plot
    rows = rows if args.evaluation else rows[: args.rows]
    path = args.evaluation or ask_textsynth(rows, args)
    content = evaluation.read(path)
    after = {sample["id"]: sample for sample in content["samples"]}
    if set(after) != {row["id"] for row in rows}:
        raise cli.UserError(f"{path} does not belong to the {ROWS} here: evaluate again with qwen_train.py")
    before = {sample["id"]: sample for sample in (beside("avant") or {"samples": ()})["samples"]}

    # in the terminal, and as a page
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    for row in rows:
        if not (args.only_wrong and is_right(after[row["id"]])):
            show_sample(row, before.get(row["id"]), after[row["id"]], colour)
    print("\n" + "\n".join(tables.for_terminal([content])))
    write_page(rows, content, before, after)
    print(f"\nsamples: {len(rows)}\npage: {os.path.join('plotdiag', 'index.html')}")


if __name__ == "__main__":
    cli.run(main)
