"""Describe your own series with a trained student; the rules check each claim.

Reads: files of numbers (CSV and its relatives, .xlsx, .parquet, - for stdin),
or pictures of one line over time (--image); a model: the folder of a run, an adapter, a
whole model, or a .gguf file.
Writes: nothing, or a picture with --plot; on the first use, the shipped student
as a GGUF in ~/.cache/llm_ts (XDG_CACHE_HOME).
Run: python describe.py examples/nile.csv --column flow

Any unit is welcome: the series is rescaled to its own range, 0..99, as in
training. One line says what was read of the file. If a cell can be read in two
ways, the file is refused with both readings (llm_ts/table/). The line of a
picture is read off it, and is then a series like any other. If a series is too
long for the student, it is shown a thinned one with the same labels. --serve
shows a page for files instead. --server asks a student on a running server.
"""

import functools
import json
import os
import sys

from llm_ts import formats, question
from llm_ts.base import cli, paths
from llm_ts.desk import alt, draw, pages, paragraph, prepare, serve, shipped, tell
from llm_ts.pictures import picture
from llm_ts.student import load, origin
from llm_ts.student.remote import Remote
from llm_ts.table import drawn
from llm_ts.table.read import Options

DEFAULT_POINTS = 128  # of a picture, if neither the user nor the student's training says
UNCHECKED = """\
Nothing here can be checked: this student sees the picture itself, and takes whatever is in it for one line over time.
For verdicts, leave --model out: the line is then read off the picture, as numbers."""
OF_FILES = {  # flags that belong to files of numbers, with their defaults
    "column": [], "all_columns": False, "time": None, "where": [], "row": [], "sheet": None, "separator": None, "decimal": None,
    "missing": [], "skip": 0, "dates": None,
}  # fmt: skip
OF_PICTURES = {"points": None, "range": None, "log": False, "times": None}
OF_SERIES = {"last": None, "begin": None, "end": None, "windows": 1, "plot": None, "json": False, "text": False}
SPELT = {"begin": "from", "end": "to"}


def parser():
    """The flags."""
    parser = cli.Parser(__doc__)
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE", help="Files of numbers; - is stdin.")
    add(
        "--image",
        nargs="+",
        default=[],
        metavar="FILE",
        help="Pictures of one line over time (PNG, JPEG, ...) instead of files of numbers.",
    )
    add("--points", type=cli.positive, help="Points of the line in --image; default: as many as it shows.")
    add(
        "--range",
        metavar="LOW,HIGH",
        help="Values at its lowest and highest point; HIGH,LOW if the axis runs downwards. Default: 0,1, unsaid.",
    )
    add("--log", action="store_true", help="The axis of --range is logarithmic.")
    add("--times", metavar="FIRST,LAST", help="Times of its first and last point: 1949-01,1960-12; or two numbers.")
    alt = "Write a copy of an HTML or Markdown file in which its pictures of one line have the alt text that they lack."
    add("--write-alt", metavar="PAGE", help=alt)
    add("--serve", action="store_true", help="Serve a page for the browser of this machine: drop a file, see it described.")
    add("--port", type=cli.port, default=serve.PORT, help="Port of that page; 0: any free one.")

    add = parser.add_argument_group("which series, and how it is read (default: as the file shows)").add_argument
    again = {"action": "append", "default": []}
    add("--column", **again, metavar="NAME", help="The column to describe, by name or as #2; may be given again.")
    add("--all-columns", action="store_true", help="Describe every column of numbers.")
    add("--time", metavar="NAME", help="The column of times; none: keep the order of the rows.")
    add("--where", **again, metavar="NAME=TEXT", help="Only the rows with this text in that column.")
    add("--row", **again, metavar="NAME", help="If series stand in rows: the row's name; may be given again.")
    add("--sheet", metavar="NAME", help="The sheet of an .xlsx file.")
    add("--separator", metavar="SIGN", help="The sign between cells: , or ; or tab or blank or another.")
    add("--decimal", choices=[".", ","], help="The decimal mark.")
    missing = "Missing values, beside empty cells, NA and the like: -9999,x. none: -9999 is a value."
    add("--missing", **again, metavar="WORDS", help=missing)
    add("--skip", type=cli.count, default=0, metavar="N", help="Leave out the first N lines.")
    add("--dates", choices=["day-first", "month-first", "year-first"], help="How dates like 01/02/03 are read.")

    add = parser.add_argument_group("which part of it").add_argument
    add("--last", type=cli.positive, metavar="N", help="Only the last N rows.")
    begin = "Only rows from this time on: 1990, 1990-03-31, ...; without times, the row's number."
    add("--from", dest="begin", metavar="TIME", help=begin)
    add("--to", dest="end", metavar="TIME", help="Only rows up to this time, itself included.")
    add("--windows", type=cli.positive, default=1, metavar="N", help="Describe N parts of equal length, one after another.")

    add = parser.add_argument_group("the student (default: the shipped one, asked as it was trained)").add_argument
    add(
        "--model",
        type=cli.folder,
        help="Folder of a run, adapter, model folder or .gguf file; one that sees is shown the picture of --image itself.",
    )
    add("--format", choices=sorted(formats.FORMATS), help="How the series is written.")
    add("--see", choices=formats.SEE, help="What the student is shown of a series.")
    add("--question", type=question.name_of, help="What is asked.")
    add("--transformers", action="store_true", help="Ask the shipped one through Transformers, not llama.cpp: starts slower.")
    running = "Ask the student on this server (llama-server, or another with OpenAI's API): http://127.0.0.1:8080. "
    running += "--model names the folder or .gguf file that it was made from."
    add("--server", metavar="URL", help=running)
    add("--server-model", metavar="NAME", help="The model's name on that server, if it has several.")

    add = parser.add_argument_group("what comes out").add_argument
    add("--prompt", action="store_true", help="Only print the student's prompt, for llama-cli.")
    add("--plot", metavar="FILE", help="Also draw series and answer; the name ends in .png, .svg or .pdf.")
    add("--text", action="store_true", help="Print one paragraph per series: what the student says and the rules confirm.")
    add("--json", action="store_true", help="Write one JSON object per series and line instead of text.")
    return parser


def parse_flags(argv=None):
    """The flags as the user wrote them. In --missing -9999,NA the value begins as a flag does: both are joined first."""
    argv = list(sys.argv[1:] if argv is None else argv)
    for place in range(len(argv) - 2, -1, -1):
        if argv[place] in ("--missing", "--from", "--to", "--range", "--times") and argv[place + 1].startswith("-"):
            argv[place : place + 2] = [f"{argv[place]}={argv[place + 1]}"]
    return parser().parse_args(argv)


def check_flags(args):
    """UserError if flags contradict each other."""
    if args.serve:
        what = "files: drop them on its page" if args.files or args.image else "--server: its page asks students of this machine"
        raise cli.UserError(f"--serve takes no {what}")
    if args.server_model and not args.server:
        raise cli.UserError("--server-model belongs to --server")
    if args.server and not args.model:
        raise cli.UserError("--server needs --model: the folder or .gguf file that its student was made from")
    if args.server and args.transformers:
        raise cli.UserError("--server takes no --transformers: give one of the two")
    if args.write_alt and (args.files or args.image or args.server):
        raise cli.UserError("--write-alt takes no files: the page names its pictures")
    if not args.write_alt and bool(args.files) == bool(args.image):
        raise cli.UserError("give a file of numbers, or a picture with --image: one of the two")
    if args.image:
        refuse_given(args, OF_FILES, "belongs to a file of numbers: a picture has none")
        drawn.points_of(args.points), drawn.range_of(args.range, args.log), drawn.times_of(args.times)
    else:
        refuse_given(args, OF_PICTURES, "belongs to --image: a file has its own points, values and times")
    if args.text and (args.json or args.prompt):
        raise cli.UserError("--text is of no use with --json, whose objects hold the text, or with --prompt")
    if args.all_columns and args.column:
        raise cli.UserError("give --column or --all-columns: one of the two")
    if args.files.count("-") > 1:
        raise cli.UserError("stdin can be read once: give - once")
    if args.plot:
        draw.kind_of(args.plot)
    for path in [*args.files, *args.image]:
        cli.refuse_overwriting(args.plot, path)


def refuse_given(args, flags, why):
    """UserError for the first of some flags, {name: default}, that was given."""
    for name, default in flags.items():
        if getattr(args, name) != default:
            raise cli.UserError(f"--{SPELT.get(name, name).replace('_', '-')} {why}")


def read_files(args):
    """Each file -> (its name, one of its series, or the UserError why it cannot be read)."""
    options = Options(
        tuple(args.column), args.all_columns, args.time, tuple(args.where), tuple(args.row), args.sheet, args.separator,
        args.decimal, tuple(args.missing), args.skip, args.dates,
    )  # fmt: skip
    for path in args.files or args.image:
        picture = functools.partial(drawn.read, path, args.points, args.range, args.log, args.times) if args.image else None
        try:
            for series in prepare.read_series(path, options, args.last, args.begin, args.end, args.windows, picture):
                yield path, series
        except (cli.UserError, OSError) as error:
            yield path, error if isinstance(error, cli.UserError) else cli.UserError(f"{path}: {error.strerror or error}")


def prepare_all(args, found, learnt, asked):
    """The output of read_files -> (file, Asked, or the UserError why it cannot be described), in the same order."""
    for path, series in found:
        try:
            if isinstance(series, cli.UserError):
                raise series
            yield path, prepare.prepare(series, learnt, asked)
        except cli.UserError as error:
            yield path, error


def describe_files(args, learnt, asked, found, running=None):
    """Print what the student says of each series. Returns the exit code: 2 if a series could not be described.

    learnt, asked: the Task that it learnt and the one by which it is asked. running: a Remote, asked instead of args.model.
    """
    prepared = list(prepare_all(args, found, learnt, asked))
    ready = [one for _, one in prepared if isinstance(one, prepare.Asked)]
    if not ready and not args.json and len(prepared) == 1:
        raise prepared[0][1]
    if ready:
        origin.note_format(args.model, learnt, args.format)
    prompts = [prepare.prompt_of(one) for one in ready]
    if args.prompt:
        print("\n\n".join(prompts))
        print("\n".join(map(tell.about, ready)), file=sys.stderr)
        answers = iter(())
    elif ready:
        student = running or shipped.open_student(args.model, asked.see, args.transformers)
        said = student.ask(prompts)
        if len(said) == len(prepared) and len(set(map(str, said))) == 1 and isinstance(said[0], cli.UserError) and not args.json:
            raise said[0]
        answers = [
            prepare.answer_of(one, text) if isinstance(text, str) else tell.of_series(one, text) for one, text in zip(ready, said)
        ]
        answers = iter(answers)
    how = "series drawn as a plot" if asked.see == "image" else f"series written as {asked.format!r}"
    model = f"model: {args.model} ({how})"
    shown = failed = 0
    for path, one in prepared:
        answer = one if isinstance(one, cli.UserError) else next(answers, None)
        if isinstance(answer, cli.UserError):
            failed += 1
            if args.json and not args.prompt:
                print(tell.json_error("stdin" if path == "-" else path, answer))
            print(f"describe.py: {' '.join(str(answer).split())}", file=sys.stderr)
        elif not args.prompt:
            shown += 1
            plot = args.plot and numbered(args.plot, shown)
            if plot:
                with cli.quiet():
                    one.notes += draw.draw(one, answer, plot)
            if args.json:
                print(tell.json_line(one, answer, plot), flush=True)
            elif args.text:
                print("".join(f"note: {cli.visible(note)}\n" for note in one.notes), end="", file=sys.stderr)
                print("\n".join(paragraph.lines_of(one, answer)), flush=True)
            else:
                show(one, answer, model, plot, first=shown == 1)
    return cli.USER_ERROR if failed else 0


def numbered(path, number):
    """The name of the picture of a series: p.png, then p-2.png, ..."""
    stem, end = os.path.splitext(path)
    return path if number == 1 else f"{stem}-{number}{end}"


def show(one, answer, model, plot, first):
    """Print a description for a person."""
    notes = [f"note: {cli.visible(note)}" for note in one.notes[len(one.series.notes) :]]  # tell.about prints the others
    print("\n".join([*([] if first else ["", ""]), tell.about(one), model, *notes]))
    print(f"\n{json.dumps(answer.sentences, ensure_ascii=False) if answer.sentences else answer.text}\n")
    if answer.parse != "strict":
        print(f"the answer was {answer.parse} as JSON")
    print("\n".join(tell.verdict_lines(answer, one.truth)))
    if one.series.picture:
        print(tell.OFF_PICTURE)
    print(tell.facts_line(one))
    if plot:
        print(f"plot: {plot}")


def show_picture(args, learnt, asked):
    """Print what a student that sees says of a picture itself; nothing can be checked then."""
    refuse_given(args, {**OF_SERIES, "range": None, "log": False, "times": None}, f"needs numbers: {args.model} sees the picture")
    if len(args.image) > 1:
        raise cli.UserError(f"{args.model} sees one picture at a time")
    found, notes = picture.read(args.image[0])
    points = args.points or sorted(asked.points or (DEFAULT_POINTS,))[len(asked.points) // 2]
    if not args.points:
        notes.append(f"nothing says how many points it shows: taken as {points} (--points)")
    prompt = prepare.shown_picture(found, points, asked)
    if args.prompt:
        print(prompt)
        return
    from llm_ts.student.student import Student

    student = Student(args.model, see="image")
    lines = [f"picture: {cli.visible(args.image[0])}, {found.width} x {found.height} pixels", f"model: {args.model}"]
    print("\n".join([*lines, *(f"note: {note}" for note in [*notes, *origin.notes(learnt, asked, points)])]))
    answer = asked.question.parse(student.ask([prompt])[0])
    print(f"\n{asked.question.answer_of(answer.sentences) if answer.sentences else answer.text}\n")
    if answer.parse != "strict":
        print(f"the answer was {answer.parse} as JSON")
    print(UNCHECKED)


def write_alt(page):
    """Write the copy of a page, and print what each of its pictures without alt text got."""
    copy, done = pages.write_alt(page, alt.of_picture)
    for src, said, why in done:
        print(f"{cli.visible(src)}: {cli.visible(said or f'left as it is: {why}')}")
    print(f"pictures without alt text: {len(done)}, with one now: {sum(said is not None for _, said, _ in done)}\ncopy: {copy}")


def ask_server(args, found):
    """describe_files with the student on a server."""
    running = Remote(args.server, args.server_model)
    learnt = running.learnt(args.model)
    args.model = f"{cli.visible(running.model)} of {running.url}"
    if args.see not in (None, "numbers"):
        raise cli.UserError(f"--see {args.see}: --server asks students of numbers")
    asked = origin.task_of(learnt, args.format, args.question)
    return describe_files(args, learnt, asked, found, running)


def main(argv=None):
    args = parse_flags(argv)
    if args.serve and not (args.files or args.image or args.server):
        return serve.serve(args.model, args.port)
    check_flags(args)
    if args.write_alt:
        return write_alt(args.write_alt)
    if args.server:
        return ask_server(args, read_all(args))
    args.model = args.model or paths.SHIPPED
    if not os.path.exists(args.model):
        read_all(args)  # a bad file is told first
        raise cli.UserError(f"no model {args.model} here: train one with qwen_train.py, or give a folder or .gguf file")
    load.require(args.model)
    learnt = origin.of(args.model)
    asked = origin.task_of(learnt, args.format, args.question, args.see)
    if args.image and asked.see == "image":
        return show_picture(args, learnt, asked)
    return describe_files(args, learnt, asked, read_all(args))


def read_all(args):
    """The output of read_files as a list; raises the error of a single file, unless --json tells it."""
    found = list(read_files(args))
    if len(found) == 1 and isinstance(found[0][1], cli.UserError) and not args.json:
        raise found[0][1]
    return found


if __name__ == "__main__":
    cli.run(main)
