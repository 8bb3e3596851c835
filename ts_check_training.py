"""Look at what a student answered, sample by sample; or ask a TextSynth model the same questions.

Reads, in a model's folder: test_rows.jsonl, an evaluation file of qwen_train.py; the key from TEXTSYNTH_API_KEY.
Writes: plotdiag/<id>.png, plotdiag/index.html; for TextSynth also textsynth-<engine>.jsonl (answers as they come) and
evaluation_textsynth-<engine>.json.
Run: cd Qwen2.5-0.5B-Instruct && python ../ts_check_training.py evaluation_checkpoint-140.json

Without a file it asks TextSynth. What is answered is not asked again: stop it at any time and run it again.
"""

import os
import re
import sys

import cli
import description
import evaluation
import ou_process
import page
import records
import scoring
import truth

COLOURS = {"right": "32", "wrong": "31", "ambiguous": "33", "unread": "90"}
ROWS = "test_rows.jsonl"


def read_rows():
    """The test rows of the model's folder that we stand in."""
    if not os.path.exists(ROWS):
        raise cli.UserError(f"no {ROWS} here: run this inside a model's folder, made by qwen_train.py")
    rows = records.read(ROWS, "qwen_train.py")
    for field in ("id", "prompt", "answer", "truth", "series"):
        records.require(rows, field, ROWS, "qwen_train.py")
    records.require([row for row in rows if row.get("gold")], "gold", ROWS, "qwen_train.py")
    return rows


def samples_by_id(content, rows, path):
    """An evaluation's samples as {id: sample}; UserError unless they are those of the test rows."""
    samples = {sample["id"]: sample for sample in content["samples"]}
    if set(samples) != {row["id"] for row in rows}:
        raise cli.UserError(f"{path} does not belong to the {ROWS} here: evaluate again with qwen_train.py")
    return samples


def optional_evaluation(path):
    return evaluation.read_evaluation(path) if os.path.exists(path) else None


def plain(text):
    """Model text for a terminal: control characters, escape sequences among them, become visible."""
    return "".join(c if c.isprintable() or c == " " else repr(c)[1:-1] for c in text)


def show_sample(row, before, after, colour):
    """Print one sample: truth, gold, before, after, and each claim's outcome."""

    def paint(text, outcome):
        return f"\033[{COLOURS[outcome]}m{text}\033[0m" if colour else text

    labels = row["truth"]
    true = ", ".join(f"{c} {labels[c]}{'' if labels['clear'][c] else ' (unclear)'}" for c in truth.CLAIMS)
    gold = " ".join(row["gold"][name] for name in description.SENTENCES) if row.get("gold") else "none"
    print(f"\n{row['id']}\n  truth   {true}\n  gold    {plain(gold)}")
    for name, sample in (("before", before), ("after", after)):
        if sample:
            print(f"  {name:<7} {plain(sample['answer'])}")
            outcomes = [(claim, sample["outcome"][claim]) for claim in truth.CLAIMS]
            said = ", ".join(paint(f"{claim} {outcome}", outcome) for claim, outcome in outcomes)
            nli = "/".join(f"{sample['nli'][part]:g}" for part in description.SENTENCES)
            print(f"          {said}; cosine {sample['cosine']:.3f}, nli {nli}")


def write_page(rows, content, before, after, only_wrong):
    """Write plotdiag/: a plot a series, and the page."""
    plotters = {}
    cards = []
    order = sorted(rows, key=lambda row: all(o == "right" for o in after[row["id"]]["outcome"].values()))
    for row in order:
        points = len(row["series"])
        plotter = plotters.setdefault(points, None) or ou_process.Plotter(points)
        plotters[points] = plotter
        path = os.path.join("plotdiag", row["id"] + ".png")
        plotter.save(row["series"], path)
        right = all(outcome == "right" for outcome in after[row["id"]]["outcome"].values())
        if not (only_wrong and right):
            with open(path, "rb") as file:
                cards.append(page.card(row, before.get(row["id"]), after[row["id"]], file.read()))
    others = [optional_evaluation(f"evaluation_{name}.json") for name in ("avant", *scoring.CONSTANTS, "teacher", "beside")]
    compared = [other for other in (others[0], content, *others[1:]) if other]
    curves = None
    if os.path.exists("training.png"):
        with open("training.png", "rb") as file:
            curves = file.read()
    title = f"{os.path.basename(os.getcwd())}: {content['name']}"
    about = f"series written as {content['format']}; NLI scores from {content['nli_model']}; wrong samples first"
    records.write_text("plotdiag/index.html", page.page_of(title, about, compared, curves, cards))


class TextSynth:
    """A TextSynth engine behind its chat API; https://textsynth.com/documentation.html."""

    def __init__(self, args):
        import requests
        from urllib3.util.retry import Retry

        self.key = os.environ.get("TEXTSYNTH_API_KEY", "").strip()
        if not self.key:
            raise cli.UserError("TEXTSYNTH_API_KEY is not set: export your key, or give an evaluation file to look at")
        if not self.key.isascii() or not self.key.isprintable():
            raise cli.UserError("TEXTSYNTH_API_KEY has characters that no key has: export it again")
        self.url = f"{args.server_url.rstrip('/')}/v1/engines/{args.engine}/chat"
        self.engine, self.timeout = args.engine, args.timeout
        self.session = requests.Session()
        retry = Retry(
            total=args.retries, backoff_factor=args.backoff, backoff_max=60, status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None, raise_on_status=False, respect_retry_after_header=False,
        )  # fmt: skip
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, requests.adapters.HTTPAdapter(max_retries=retry))

    def ask(self, prompt):
        """One answer; UserError for what asking again does not mend. The key is in no message."""
        import requests

        body = {"messages": [prompt], "system": description.SYSTEM, "max_tokens": 200, "temperature": 0.01}
        try:
            reply = self.session.post(
                self.url, json=body, headers={"Authorization": f"Bearer {self.key}"}, timeout=self.timeout
            )
        except requests.RequestException as error:
            raise cli.UserError(f"no answer from {self.url} ({type(error).__name__}): run again to go on") from None
        if reply.status_code != 200:
            said = plain(reply.text.replace(self.key, "***"))[:200]
            hint = {401: "check TEXTSYNTH_API_KEY", 404: f"is there an engine {self.engine}?"}.get(reply.status_code, "")
            raise cli.UserError(f"TextSynth says {reply.status_code}: {said} {hint}")
        try:
            return str(reply.json()["text"]).encode("utf-8", "replace").decode()  # half a surrogate pair has no bytes
        except (ValueError, KeyError, TypeError):
            raise cli.UserError(f"{self.url} does not answer as TextSynth does: check --server-url") from None


def ask_textsynth(rows, args):
    """Ask what is not answered yet, score all, and write the evaluation file; returns its path."""
    if not re.fullmatch(r"[\w.-]+", args.engine):
        raise cli.UserError(f"--engine {args.engine!r}: give an engine's name, such as llama3.3_70B_instruct")
    client = TextSynth(args)
    rows = rows[: args.limit]
    asked = 0
    with records.writing(f"textsynth-{args.engine}.jsonl", create=True) as answers:
        for row in rows:
            if row["id"] not in answers.rows:
                answers.append({"id": row["id"], "answer": client.ask(row["prompt"])})
                asked += 1
                print(f"{args.engine}: {asked} asked, {len(answers.rows)} of {len(rows)}", flush=True)
        records.require(answers.rows.values(), "answer", answers.path, "ts_check_training.py")
        texts = [answers.rows[row["id"]]["answer"] for row in rows]
    scorer = scoring.Scorer(args.embedder, args.nli)
    content = evaluation.evaluate(args.engine, rows, texts, scorer, base=f"TextSynth {args.engine}", step=None)
    path = f"evaluation_textsynth-{args.engine}.json"
    records.write_json(path, content)
    print(f"asked: {asked}")
    return path


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("evaluation", nargs="?", help="An evaluation file; without one, TextSynth is asked.")
    parser.add_argument("--only-wrong", action="store_true", help="Show only samples with a claim that is not right.")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="Colour in the terminal.")
    parser.add_argument("--engine", default="llama3.3_70B_instruct", help="TextSynth's engine.")
    parser.add_argument("--server-url", default="https://api.textsynth.com", help="A compatible server, without /v1.")
    parser.add_argument("--limit", type=cli.positive, help="Ask at most so many test prompts; default all.")
    parser.add_argument("--timeout", type=cli.positive_float, default=120.0, help="Seconds to wait for an answer.")
    parser.add_argument("--retries", type=cli.count, default=6, help="Times to ask again after 429, 5xx or a drop.")
    parser.add_argument("--backoff", type=cli.positive_float, default=1.0, help="Seconds before asking again, doubled.")
    parser.add_argument("--embedder", default=scoring.EMBEDDER, help="Hub name or folder of the embedding model.")
    parser.add_argument("--nli", default=scoring.NLI, help='Hub name or folder of the NLI model; "none": use claims.')
    args = parser.parse_args(argv)
    rows = read_rows()
    path = args.evaluation or ask_textsynth(rows, args)
    content = evaluation.read_evaluation(path)
    if not args.evaluation:
        rows = rows[: args.limit]
    after = samples_by_id(content, rows, path)
    avant = optional_evaluation("evaluation_avant.json")
    before = {sample["id"]: sample for sample in avant["samples"]} if avant else {}
    colour = args.color == "always" or (args.color == "auto" and sys.stdout.isatty() and not os.environ.get("NO_COLOR"))
    for row in rows:
        if not args.only_wrong or any(outcome != "right" for outcome in after[row["id"]]["outcome"].values()):
            show_sample(row, before.get(row["id"]), after[row["id"]], colour)
    print("\n" + "\n".join(evaluation.table([content])))
    write_page(rows, content, before, after, args.only_wrong)
    print(f"\nsamples: {len(rows)}\npage: {os.path.join('plotdiag', 'index.html')}")


if __name__ == "__main__":
    cli.run(main)
