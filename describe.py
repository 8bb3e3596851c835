"""Describe one's own series with a trained student, each claim with the rule's
verdict beside it.

Reads: a CSV file, or a picture of a series (--image); a model: the folder of a
run, an adapter, a whole model, or a .gguf file.
Writes: nothing, or a picture with --plot.
Run: python describe.py examples/nile.csv --column flow

Any unit is welcome: the series is rescaled to its own range, 0..99, as the
student saw its training series. It was trained on series of a certain length;
at other lengths it reads less well, and this says so.
"""

import csv
import math
import os

from llm_ts import cli, formats, paths, question
from llm_ts.pairs import pair
from llm_ts.scores import curves
from llm_ts.scores.score import outcomes_of
from llm_ts.series import picture
from llm_ts.series.rows import LONGEST, SHORTEST
from llm_ts.series.scale import integers_of
from llm_ts.student import load, origin

DEFAULT_POINTS = 128  # of a picture, where neither the user nor the student's training says


def read_column(path, column):
    """A CSV file with a header, cells parted by commas, semicolons or tabs -> (column's name, list of floats).

    Without a column's name, the only column with numbers is taken. Raises UserError for a missing file or column,
    text, NaN, an infinite value, and a length outside 16 to 512.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            separator = max(",;\t", key=first.count)
            reader = csv.reader(file, delimiter=separator)
            numbered = [(reader.line_num, line) for line in reader if any(cell.strip() for cell in line)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise cli.UserError(f"{path} is not a CSV file in UTF-8: {error}") from None
    lines = [line for _, line in numbered]
    if len(lines) < 2:
        raise cli.UserError(f"{path} is empty: a header and {SHORTEST} to {LONGEST} rows are needed")
    header, body = [name.strip() for name in lines[0]], lines[1:]
    if all(_number(cell) is not None for cell in header):
        raise cli.UserError(f"{path} has no header: its first line is {', '.join(header)}; name the columns there")
    chosen = column or (header[0] if len(header) == 1 else _only_number_column(path, header, body))
    if not column and _number(chosen) is not None:
        raise cli.UserError(f"{path} has no header: its first line is {', '.join(header)}; name the columns there")
    column = chosen
    if header.count(column) != 1:
        what = f"{header.count(column)} columns named" if column in header else "no column"
        raise cli.UserError(f"{path} has {what} {column!r}: it has {', '.join(header)}")
    place = header.index(column)
    values = []
    for number, line in numbered[1:]:
        if any(cell.strip() for cell in line[len(header) :]):
            raise cli.UserError(
                f"{path}, line {number} has more cells than the header: are there decimal commas? Part the cells by semicolons"
            )
        cell = line[place].strip() if place < len(line) else ""
        value = _number(cell)
        if value is None:
            raise cli.UserError(f"{path}, line {number}: {column} is {cell!r}, not a finite number: fill or drop it")
        values.append(value)
    if not SHORTEST <= len(values) <= LONGEST:
        raise cli.UserError(f"{path} has {len(values)} values: {SHORTEST} to {LONGEST} can be described")
    if min(values) == max(values):
        raise cli.UserError(f"{path}: {column} is constant ({values[0]:g}): there is nothing to describe")
    if not math.isfinite(max(values) - min(values)):
        raise cli.UserError(f"{path}: {column} spans {min(values):g} to {max(values):g}, too far for a computer: rescale it")
    return column, values


def _number(cell):
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _only_number_column(path, header, body):
    numeric = [
        name for place, name in enumerate(header) if any(place < len(line) and _number(line[place]) is not None for line in body)
    ]
    if len(numeric) != 1:
        raise cli.UserError(f"{path}: which column? Give --column, one of {', '.join(header)}")
    return numeric[0]


def verdict_lines(answer, truth):
    """An Answer and the rule's truth -> the lines of a table: claim, said, true, verdict."""
    outcome = outcomes_of(answer, truth)
    lines = [("claim", "student", "truth", "verdict")]
    for claim, said in answer.read.items():
        near = "" if truth["clear"][claim] else " (near a threshold: the truth itself is not clear)"
        lines.append((claim, said or "-", truth[claim], outcome[claim] + near))
    first = max(8, *(len(line[0]) + 1 for line in lines))
    labels = max(13, *(len(label) + 1 for line in lines for label in line[1:3]))
    return [f"{claim:<{first}}{said:<{labels}}{true:<{labels}}{verdict}" for claim, said, true, verdict in lines]


def draw(values, column, answer, path):
    """A picture of the series in its own unit, the answer's sentences above it."""
    figure = curves.new_figure(8, 4.5)
    axes = figure.add_subplot()
    axes.plot(values, linewidth=1.3)
    axes.set(xlabel="time step", ylabel=column.replace("$", r"\$"))
    axes.grid(alpha=0.3)
    title = "\n".join(answer.sentences.values()) if answer.sentences else answer.text[:200]
    axes.set_title(title.replace("$", r"\$"), loc="left", fontsize=10)
    curves.save_figure(figure, path)


def shown_in_picture(args, learnt):
    """(prompt with the picture that args.image names, points that it says, lines for the user)."""
    if learnt.see != "image":
        what = "numbers beside the plot" if learnt.see == "both" else "numbers"
        raise cli.UserError(f"{args.model} reads {what}: --image needs a student that was trained with --see image")
    found, notes = picture.read(args.image)
    points = args.points or sorted(learnt.points or (DEFAULT_POINTS,))[len(learnt.points) // 2]
    if not args.points:
        notes.append(f"nothing says how many points it shows: taken as {points} (--points)")
    asked = origin.question_of(learnt, args.question)
    prompt = question.Shown(asked.prompt_of(range(points), learnt.format, "image"), lambda: found)
    lines = [f"picture: {cli.visible(args.image)}, {found.width} x {found.height} pixels", f"model: {args.model}"]
    return prompt, points, [*lines, *(f"note: {note}" for note in notes)]


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("csv", nargs="?", help="CSV file with a header line.")
    parser.add_argument("--image", metavar="FILE", help="Instead of a CSV file, a picture of one series: PNG, JPEG, ...")
    parser.add_argument("--points", type=cli.positive, help="Points of the series in --image; default: as in training.")
    parser.add_argument("--column", help="The column to describe; not needed where only one holds numbers.")
    parser.add_argument(
        "--model", type=cli.folder, help="Folder of a run, adapter, model folder or .gguf file; default: ours, for --image the one that sees."
    )
    parser.add_argument("--format", choices=sorted(formats.FORMATS), help="How the series is written; default: as in training.")
    parser.add_argument("--see", choices=formats.SEE, help="What the student is shown of a CSV file; default: as in training.")
    parser.add_argument("--question", choices=list(question.QUESTIONS), help="What is asked; default: as in training, else study.")
    parser.add_argument("--prompt", action="store_true", help="Only print what the student would be asked, for llama-cli.")
    parser.add_argument("--plot", metavar="PNG", help="Also draw the series and the answer.")
    args = parser.parse_args(argv)
    if bool(args.csv) == bool(args.image):
        raise cli.UserError("give a CSV file, or a picture with --image: one of the two")
    for flag, value in (("--column", args.column), ("--plot", args.plot)):
        if args.image and value:
            raise cli.UserError(f"{flag} belongs to a CSV file: a picture has no numbers")
    if args.points and not args.image:
        raise cli.UserError("--points belongs to --image: a CSV file says itself how many there are")
    cli.refuse_overwriting(args.plot, args.csv)
    if args.csv:
        column, values = read_column(args.csv, args.column)
    args.model = args.model or (paths.SHIPPED_SEES if args.image else paths.SHIPPED)
    if not os.path.exists(args.model):
        raise cli.UserError(f"no model {args.model} here: train one with qwen_train.py, or give a folder or .gguf file")
    load.require(args.model)
    learnt = origin.of(args.model, args.format)
    asked = origin.question_of(learnt, args.question)
    see = args.see or learnt.see
    if args.image:
        prompt, points, about = shown_in_picture(args, learnt)
        see = "image"
    else:
        series, points = integers_of(values), len(values)
        fmt = origin.format_of(args.model, learnt, args.format)
        row = {"id": args.csv, "prompt": asked.prompt_of(series, fmt, see), "series": series, **formats.see_tag(see)}
        prompt, how = pair.asked_with(row), {"numbers": f"series written as {fmt!r}", "image": "series drawn as a plot"}
        about = [
            f"series: {cli.visible(column)} of {args.csv}, {points} points, {min(values):g} to {max(values):g}",
            f"model: {args.model} ({how.get(see, ' and '.join(how.values()))})",
        ]
    if args.prompt:
        print(prompt)
        return
    from llm_ts.student.student import Student

    print("\n".join([*about, *(f"note: {note}" for note in origin.notes(learnt, points))]))
    answer = asked.parse(Student(args.model, see=see).ask([prompt])[0])
    print(f"\n{asked.answer_of(answer.sentences) if answer.sentences else answer.text}\n")
    if answer.parse != "strict":
        print(f"the answer was {answer.parse} as JSON")
    if args.image:
        print("nothing here can be checked: a picture has no numbers (give the series as a CSV file for verdicts)")
        return
    print("\n".join(verdict_lines(answer, asked.truth_of(series))))
    if args.plot:
        with cli.quiet():  # of letters that no font has
            draw(values, cli.visible(column), answer, args.plot)
        print(f"plot: {args.plot}")


if __name__ == "__main__":
    cli.run(main)
