"""The teacher's words compared with other ways to word the truth, at equal budget:
how often all four claims are right, and how varied they are said.

Reads: models/SmolLM2-135M-Instruct.Q4_1.gguf and models/all-MiniLM-L6-v2
(python fetch.py smollm2 minilm).
Writes: run/words/<budget>/, a training each; results/words.json.
Run: python -m experiments.words --series 2000

What was finished is not done again, and what was stopped goes on. The budget:
answers learnt; those of `both` and `own` are twice as long. `curated` sees the
same curated answers of the simulated teacher in as many epochs as it takes;
`template`, `teacher` and `both` see
fresh series once; `own` learns half of the budget as `both` does, and then
half from its own answers. Each is asked the same validation series greedily, as
describe.py asks, and at temperatures 0.5 and 1. Variety, of the sentences that are
right and name nothing else: how many different ones a hundred answers have,
and of how many different words they are. `new`: of these sentences, those that
stand in no training answer; `held out`: those of them that the teacher says,
and that --words teacher kept back. The goal: within 2 points of the template,
with half of the teacher's sentences.
"""

import os
import re

from experiments import _budget
from experiments._budget import call
from experiments.recipes import EMBEDDER, STUDENT
from llm_ts import cli, disk, question
from llm_ts.pairs import fresh, pair
from llm_ts.pairs.words import Words, fault_of, labels_of
from llm_ts.scores import tables
from llm_ts.scores.means import mean_of, percent
from llm_ts.series.rows import LONGEST, SHORTEST
from llm_ts.student import device, load, run_folder
from llm_ts.student.answer import MAX_NEW_TOKENS
from llm_ts.teacher import simulated

OUT = os.path.join("results", "words.json")
BUDGET = ("points", "described", "series", "asked", "samples", "rate", "seed")
WAYS = {
    "curated": "the teacher's curated answers, again and again",
    "template": "fresh series, the truth in one template",
    "teacher": "fresh series, the truth in the teacher's sentences",
    "both": "fresh series, the truth in the template, and then in the teacher's sentences, which count",
    "own": "half of them so, then as many of its own right answers",
}
ASKED = {"greedy": 0, "temperature 0.5": 0.5, "temperature 1": 1}
HUNDRED = 100


def variety(said):
    """The right sentences of each answer, lists -> how many different ones in 100 answers (or in all, where they are fewer)."""
    hundreds = [said[start : start + HUNDRED] for start in range(0, max(1, len(said) - HUNDRED + 1), HUNDRED)]
    return round(sum(len({text for texts in part for text in texts}) for part in hundreds) / len(hundreds), 1)


def right_sentences(row, answer):
    """The sentences of an Answer that say what is true of a row, and name nothing else."""
    topics = question.of(row, row["id"]) if answer.sentences else ()
    return [text for topic in topics if not fault_of(topic, text := answer.sentences[topic.NAME], labels_of(topic, row))]


def entry_of(rows, texts, learnt=None, held_out=()):
    """Rows and the answers to them -> means of all four claims, variety, and how much of it stands in no training answer."""
    asked = question.of_all(rows, "the validation rows")
    answers = [asked.parse(text) for text in texts]
    right = [all(answer.read[claim] == row["truth"][claim] for claim in asked.claims) for row, answer in zip(rows, answers)]
    clear = [fits for row, fits in zip(rows, right) if all(row["truth"]["clear"].values())]
    said = [right_sentences(row, answer) for row, answer in zip(rows, answers)]
    distinct = {text for sentences in said for text in sentences}
    words = {word for text in distinct for word in re.findall(r"[a-z]+", text.lower())}
    entry = {"all_four": mean_of(right), "clear": mean_of(clear), "sentences_per_100": variety(said), "words": len(words)}
    if learnt is not None:
        entry.update(distinct=len(distinct), new=len(distinct - learnt), held_out=len(distinct & held_out))
    return entry


def sentences_of(pairs):
    return {text for row in pairs for text in row["sentences"].values()}


def ask(folder, name, rows, temperature):
    """The answers of a finished run to rows, asked once: the file of them stays. -> texts."""
    path = os.path.join(folder, name, f"said-{temperature:g}.json")
    if not os.path.exists(path):
        import torch

        from llm_ts.student import answer

        model, tokenizer = load.load(os.path.join(folder, name, "final"), device.dtype())
        model.to("cuda" if torch.cuda.is_available() else "cpu")
        with cli.Progress(f"{name}, temperature {temperature:g}", len(rows)) as bar:
            how = {"temperature": temperature, "progress": lambda done: bar.step(done - bar.done)}
            said = answer.generate(model, tokenizer, [pair.prompt_of(row) for row in rows], 16, MAX_NEW_TOKENS, **how)
        disk.write_json(path, {"answers": said})
    return disk.read_json(path, "the same command")["answers"]


def prepare(folder, args):
    """curated.jsonl, pairs in the teacher's own words -> its train rows."""
    os.makedirs(folder, exist_ok=True)
    call(folder, "ou_process.py", "--count", args.described, "--points", args.points, "--seed", 5, "--no-plots")
    call(folder, "mistral.py", "--dryrun")
    call(folder, "curate.py")
    call(folder, "convert.py", "--format", "thirds", "--diagnostics", "0", "--out", "curated.jsonl")
    return pair.read(os.path.join(folder, "curated.jsonl"))[0]


def train(folder, name, args, curated):
    """Train one of WAYS, or find it finished -> the sentences that it learnt."""

    def learn(out, *flags, model=args.model):
        call(
            folder, "qwen_train.py", "--model", model, "--out", out, "--batch-size", 8, "--learning-rate", args.rate,
            "--save-steps", 10**6, "--validation", 0, "--eval-rows", 2, "--max-new-tokens", MAX_NEW_TOKENS, "--seed", args.seed,
            "--embedder", args.embedder, "--nli", "none", *flags,
        )  # fmt: skip

    def drawn(count, words=None):
        return sentences_of(fresh.pairs("train", [(args.points, args.points, count)], "thirds", args.seed, words=words))

    data = ["--data", "curated.jsonl"]
    if name == "curated":
        learn(name, *data, "--epochs", args.series / len(curated))
        return sentences_of(curated)
    if name != "own":
        learn(name, *data, "--fresh", f"{args.points}x{args.series}", "--words", name)
        return drawn(args.series, Words(curated) if name != "template" else None)
    half = args.series // 2
    learn("own-first", *data, "--fresh", f"{args.points}x{half}", "--words", "both")
    more = ["--fresh", f"{args.points}x{half}", "--samples", args.samples, "--seed", args.seed]
    call(folder, "own_answers.py", "--model", "own-first", *data, *more, "--out", "own-answers")
    kept = pair.read(os.path.join(folder, "own-answers", "pairs.jsonl"))[0]
    learn(name, "--data", "own-answers/pairs.jsonl", "--epochs", half / len(kept), model="own-first/final")
    return sentences_of(kept) | drawn(half, Words(curated))


def table(entries):
    """{name: {"greedy": entry, "drawn": entry}} -> lines of Markdown; the teacher has one entry."""
    lines = []
    for name, ways in entries.items():
        for how, entry in ways.items():
            new = f"{entry['new']} of {entry['distinct']}" if "new" in entry else ""
            cells = [percent(entry["all_four"]), percent(entry["clear"]), f"{entry['sentences_per_100']:g}", str(entry["words"])]
            lines.append([f"{name}: {WAYS[name]}" if name in WAYS else name, how, *cells, new, str(entry.get("held_out", ""))])
    head = ["learnt", "asked", "all four right, %", "clear rows", "right sentences per 100 answers", "words", "new", "held out"]
    return tables.markdown(head, lines)


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--points", type=cli.positive, default=32, help="Points of each series.")
    parser.add_argument("--described", type=cli.positive, default=800, help="Series that the simulated teacher describes.")
    parser.add_argument("--series", type=cli.positive, default=2000, help="The budget: answers that each learns.")
    parser.add_argument("--samples", type=cli.positive, default=4, help="Own answers drawn for each series.")
    parser.add_argument("--asked", type=cli.positive, default=400, help="Validation series that each is asked.")
    parser.add_argument("--model", default=STUDENT, help="What learns; an adapter learns on.")
    parser.add_argument("--rate", type=cli.positive_float, default=1e-3, help="The learning rate's peak.")
    parser.add_argument("--embedder", default=EMBEDDER, help="Folder of the embedding model.")
    parser.add_argument("--seed", type=cli.count, default=0, help="Of the fresh series and the training.")
    parser.add_argument("--only", help=f"These, with commas, of: {', '.join(WAYS)}; default: all.")
    args = parser.parse_args(argv)
    names = list(WAYS) if args.only is None else args.only.split(",")
    if unknown := [name for name in names if name not in WAYS]:
        raise cli.UserError(f"no way {unknown[0]!r}: there are {', '.join(WAYS)}")
    for path, part in ((args.model, "smollm2"), (args.embedder, "minilm")):
        if not os.path.exists(path):
            raise cli.UserError(f"no {path} here: run python fetch.py {part}")
    if not SHORTEST <= args.points <= LONGEST or args.series < 2:
        raise cli.UserError(f"give --points of {SHORTEST} to {LONGEST}, and 2 --series or more")
    args.model, args.embedder = os.path.abspath(args.model), os.path.abspath(args.embedder)  # used from another folder
    cli.print_settings(args)
    budget = _budget.of(args, BUDGET)
    folder = os.path.join("run", "words", "-".join(map(str, budget.values())))
    if os.path.exists(OUT):
        _budget.check(OUT, disk.read_json(OUT, "the same command").get("budget"), budget)
    with run_folder.hold(folder, wait=True):
        curated = prepare(folder, args)
    held_out = Words(curated).held_out
    rows = fresh.pairs("validation", [(args.points, args.points, args.asked)], "thirds")
    gold = [question.STUDY.answer_of(simulated.answer(row, 0)["gold"]) for row in rows]
    path = os.path.join(folder, "words.json")
    for name in names:
        learnt = train(folder, name, args, curated)
        entry = {how: entry_of(rows, ask(folder, name, rows, heat), learnt, held_out) for how, heat in ASKED.items()}
        with run_folder.hold(folder, wait=True):  # another run may have added some meanwhile
            had = disk.read_json(path, "the same command") if os.path.exists(path) else {}
            found = {**had, name: entry}
            disk.write_json(path, {way: found[way] for way in WAYS if way in found})
        print(f"{name}: {percent(entry['greedy']['all_four'])}, n = {args.asked}", flush=True)
    entries = {"(the teacher itself)": {"": entry_of(rows, gold)}, **disk.read_json(path, "the same command")}
    disk.write_json(OUT, {"budget": budget, "ways": entries})
    print("", *table(entries), "", sep="\n")
    print(f"ways: {len(entries) - 1}\nout: {OUT}")


if __name__ == "__main__":
    cli.run(main)
