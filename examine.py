"""Examine a student on suites of unseen series, in shards that may run side by
side, be stopped and be run again.

Reads: a student: a run's folder, an adapter, a model's folder, a hub name or a
.gguf file. Suites that are files: JSON lines with id and series.
Writes, in --out: about.json, answers-<shard>.jsonl (one line per answer),
evaluation_<suite>.json once all are answered.
Run: python examine.py --model Qwen2.5-0.5B-Instruct --suite unseen --count 2000

Each shard answers its share of the open questions. The shard that finishes
last scores all of them. After a kill, or with another number of shards, it
asks only what has no written answer.
"""

import glob
import hashlib
import os
from dataclasses import replace

from llm_ts import formats, question
from llm_ts.base import cli, disk
from llm_ts.data import pair, records
from llm_ts.pairs import fresh, suites
from llm_ts.scores import evaluation, similarity, tables
from llm_ts.scores.score import CONSTANTS, guessed_answers, perfect_answers
from llm_ts.series import rows as series_rows
from llm_ts.student import device, load, origin
from llm_ts.student.answer import MAX_NEW_TOKENS
from llm_ts.student.student import Student
from llm_ts.task import Task
from llm_ts.train import run_folder

ABOUT = "about.json"  # whose answers these are: another student's are refused


def answered(out):
    """{key: answer} of every shard's file in a folder; a key is made by keys_of."""
    found = {}
    for path in sorted(glob.glob(os.path.join(out, "answers-*.jsonl"))):
        rows = records.read(path, "examine.py", may_be_empty=True)
        records.require(rows, "answer", path, "examine.py")
        found.update((row["id"], row["answer"]) for row in rows)
    return found


def ask(args, asked, number, count, about):
    """Ask this shard's share of the keys that no shard has answered, one flushed line per answer."""
    done = answered(args.out)
    mine = [key for key in list(asked)[number::count] if key not in done]
    print(f"asked: {len(asked)}\nanswered: {sum(key in done for key in asked)}\nmine_to_ask: {len(mine)}", flush=True)
    if not mine:
        return
    if not args.model.endswith(".gguf"):
        device.choose(args.device)
        about["dtype"] = device.precision()
    student = Student(args.model, args.batch_size, see=about["task"]["see"])
    with run_folder.hold(args.out, wait=True):  # another student may have come meanwhile, or other scores
        run_folder.check(args.out, about, ABOUT)
        disk.write_json(os.path.join(args.out, ABOUT), about)
    with records.writing(os.path.join(args.out, f"answers-{number}.jsonl"), create=True) as file:
        done = answered(args.out)  # another run of this shard may have answered meanwhile
        mine = [key for key in mine if key not in done]
        with cli.Progress("answers", len(mine)) as bar:
            for start in range(0, len(mine), args.batch_size):
                keys = mine[start : start + args.batch_size]
                prompts = [pair.asked_with(asked[key]) for key in keys]
                for key, answer in zip(keys, student.ask(prompts, args.max_new_tokens)):
                    file.append(records.line_of({"id": key, "answer": answer}))
                bar.step(len(keys))


def score(args, asked, rows_of, scorer):
    """Write and print the evaluation of each suite whose rows are all answered; returns the number left to ask."""
    done = answered(args.out)
    left, contents = 0, []
    for suite, rows in rows_of.items():
        keys = keys_of(suite, rows)
        missing = [key for key in keys if key not in done]
        left += len(missing)
        if missing:
            continue
        said = [done[key] for key in keys]
        content = evaluation.make(suite, rows, said, scorer, base=args.model, step=None)
        constants = {
            name: evaluation.make("  " + name, rows, [constant(asked, rows)] * len(rows), scorer)
            for name, constant in CONSTANTS.items()
        }
        constants["guessed"] = evaluation.make("  guessed", rows, guessed_answers(asked, rows, rows), scorer)
        constants["perfect"] = evaluation.make("  perfect", rows, perfect_answers(asked, rows), scorer)
        content.update((name, constant["means"]) for name, constant in constants.items())
        if suite not in suites.SUITES:
            content["lengths"] = lengths = [function(len(row["series"]) for row in rows) for function in (min, max)]
            print(f"{suite}: {len(rows)} series of {lengths[0]} to {lengths[1]} points")
        disk.write_json(os.path.join(args.out, f"evaluation_{suite}.json"), content)
        contents += [content, *constants.values()]
    for which in ("all", "clear") if contents else ():
        print("\n" + "\n".join(tables.for_terminal(contents, which)))
    return left


def refuse_fewer(out, rows_of):
    """UserError where an evaluation in the folder is of more series than are asked now."""
    for suite, rows in rows_of.items():
        path = os.path.join(out, f"evaluation_{suite}.json")
        had = evaluation.read(path)["means"]["valid_json"]["n"] if os.path.exists(path) else 0
        if had > len(rows):
            raise cli.UserError(f"{path} is of {had} series: give --count {had} or more, or another --out")


def keys_of(suite, rows):
    """The keys of a suite's answers; where series or plots are of a file, bound to what stands in it: it may be another one
    the next time."""
    keys = [f"{suite}-{len(row['series'])}/{row['id']}" for row in rows]
    if suite not in suites.SUITES:
        keys = [f"{key}-{hashlib.sha256(bytes(row['series'])).hexdigest()[:8]}" for key, row in zip(keys, rows)]
    return [f"{key}-{disk.digest(row['image'])[:8]}" if "image" in row else key for key, row in zip(keys, rows)]


def thin(row, asked):
    """A pair, its series thinned if it is too long for the student."""
    points = origin.points_shown(asked, len(row["series"]))
    return pair.thinned(row, points) if points < len(row["series"]) else row


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--model", type=cli.folder, required=True, help="A run's folder, adapter, model, hub name or .gguf.")
    named = f'With commas: files x.jsonl, and {", ".join(suites.SUITES)}; "all": all but {", ".join(suites.SIGHT)}, '
    named += "which needs a student that sees."
    parser.add_argument("--suite", default="unseen", help=named)
    parser.add_argument("--count", type=cli.positive, default=2000, help="At most so many series of each suite.")
    parser.add_argument("--points", type=cli.positive, default=128, help="Points of each series, if the suite does not say.")
    parser.add_argument("--format", choices=sorted(formats.FORMATS), help="How a series is written; default: as in training.")
    parser.add_argument("--question", type=question.name_of, help="What is asked; default: as in training, else study.")
    parser.add_argument("--see", choices=formats.SEE, help="What the student sees; default: as in training, else numbers.")
    process = "Processes of the unseen series, in turn: ou,walk, or all; default: as in training."
    parser.add_argument("--process", type=fresh.parse_processes, help=process)
    parser.add_argument(
        "--thin", action="store_true", help="If a series is too long for the student, thin it, as describe.py does."
    )
    parser.add_argument("--dataset", type=cli.folder, help="Folder of plots, <id>.png, to show instead of drawn ones.")
    parser.add_argument("--shard", default="0/1", help="This process's share: number/count; numbers begin at 0.")
    parser.add_argument("--out", help="Folder of the answers; default: suites/ in the run's folder, or ./suites.")
    parser.add_argument("--batch-size", type=cli.positive, default=32, help="At most so many prompts together; 16 on a CPU.")
    parser.add_argument("--max-new-tokens", type=cli.positive, default=MAX_NEW_TOKENS, help="Maximum length of an answer.")
    device.add_flag(parser)
    similarity.add_flags(parser)
    disk.add_lock_flag(parser)
    args = parser.parse_args(argv)
    number, count = cli.shard(args.shard)
    every = [name for name in suites.SUITES if name not in suites.SIGHT]
    suite_of = {}  # {its name: the suite}
    for suite in every if args.suite == "all" else args.suite.split(","):
        if suite_of.setdefault(name := suites.name_of(suite), suite) != suite:
            raise cli.UserError(f"{suite_of[name]} and {suite} would both be kept as {name}: rename one of the files")
    if not series_rows.SHORTEST <= args.points <= series_rows.LONGEST:
        raise cli.UserError(f"--points {args.points}: give {series_rows.SHORTEST} to {series_rows.LONGEST}")
    load.require(args.model)
    learnt = origin.of(args.model)
    origin.note_format(args.model, learnt, args.format)
    of_student = origin.task_of(learnt, args.format, args.question, args.see)
    processes = args.process or of_student.processes or Task.processes
    of_student = replace(of_student, processes=processes)
    fmt, asked, see = of_student.format, of_student.question, of_student.see
    run = os.path.isdir(os.path.join(args.model, "final"))  # else the folder is no run: nothing is written there
    args.out = args.out or os.path.join(args.model if run else "", "suites")
    cli.print_settings(args)
    blind = [name for name in suite_of if name in suites.SIGHT] if see == "numbers" else []
    if blind or (args.dataset and see == "numbers"):
        raise cli.UserError(f"{blind[0] if blind else '--dataset'} is for students that see: {args.model} is shown numbers")
    about = {
        "model": args.model,
        "weights_sha256": load.weights_digest(args.model),
        "task": of_student.to_json(),
        "points": args.points,
        "max_new_tokens": args.max_new_tokens,
        "plots": args.dataset,
        "thin": args.thin,
    }
    run_folder.check(args.out, about, ABOUT)
    if answered(args.out) and not os.path.exists(os.path.join(args.out, ABOUT)):
        raise cli.UserError(f"{args.out} has answers but no {ABOUT} to say whose: give another --out, or delete that folder")
    rows_of = {name: suites.rows(suite, args.count, args.points, fmt, asked, processes) for name, suite in suite_of.items()}
    if args.thin:
        rows_of = {name: [thin(row, of_student) for row in rows] for name, rows in rows_of.items()}
    rows_of = {name: [pair.show(row, see, args.dataset) for row in rows] for name, rows in rows_of.items()}
    refuse_fewer(args.out, rows_of)
    scorer = similarity.Scorer(args.embedder, args.nli)
    about.update(nli_model=scorer.nli_name, cosine_model=scorer.embedder_name)  # scores of two kinds are not to be mixed
    run_folder.check(args.out, about, ABOUT)
    open_rows = {key: row for name, rows in rows_of.items() for key, row in zip(keys_of(name, rows), rows)}
    ask(args, open_rows, number, count, about)
    left = score(args, asked, rows_of, scorer)
    print(f"left: {left}" + (" (of other shards; the last one scores)" if left else f"\nout: {args.out}"))


if __name__ == "__main__":
    cli.run(main)
