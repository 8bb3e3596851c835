"""The tables of results/README.md and the curves in results/curves.png, made from
the evaluations kept in results/.

Reads: results/<name>/evaluation_*.json with training.json (a run) or
about.json (its suites).
Writes: results/README.md between its two markers, results/curves.png; with
--keep also results/<name>/.
Run: python -m experiments.report

Suites of one student that are kept as <name> and <name>-<more> share a table.
Of a run's checkpoints the first and the last are shown; the curves show all.
"""

import glob
import os
import re

from llm_ts import task
from llm_ts.base import cli, disk
from llm_ts.pairs import suites
from llm_ts.scores import curves, evaluation, tables
from llm_ts.scores.means import percent
from llm_ts.scores.score import CONSTANTS
from llm_ts.student import load, origin
from llm_ts.train import run_folder

RESULTS = "results"
PAGE = os.path.join(RESULTS, "README.md")
MARKERS = ("<!-- made by report.py -->\n", "<!-- end of what report.py made -->")
ABOUT = ("training.json", "about.json")


def keep(folder, name):
    """Copy the evaluations of a run or of its suites to results/<name>/, without the samples.

    What stood there before is replaced, once all that is new has been read and could be shown.
    """
    shown([(name, folder)])
    paths = glob.glob(os.path.join(folder, "evaluation_*.json"))
    paths += [os.path.join(folder, about) for about in ABOUT]
    paths = {os.path.basename(path): path for path in paths if os.path.exists(path)}
    contents = {file: disk.read_json(path, "qwen_train.py") for file, path in paths.items()}
    for file, content in contents.items():
        kept = {**content, "samples": []} if "samples" in content else content
        for key, value in kept.items():
            if isinstance(value, str):  # a path of this machine says nothing elsewhere
                kept[key] = re.sub(r"(?<!\S)/\S*/(?=\S)", "", value)
        disk.write_json(os.path.join(RESULTS, name, file), kept)
    for path in glob.glob(os.path.join(RESULTS, name, "*.json")):
        if os.path.basename(path) not in contents:
            os.remove(path)


def shown(places):
    """[(name, folder)] -> the Markdown of them all; UserError for a folder that is broken."""
    lines, of_suites = [], {}  # {name: [(what the name adds, about.json, folder)]}
    for name, folder in places:
        if not glob.glob(os.path.join(folder, "evaluation_*.json")):
            give = "give the folder of a run, or of its suites"
            raise cli.UserError(f"{folder} has no evaluation_*.json: {give}")
        try:
            if not os.path.exists(os.path.join(folder, "about.json")):
                lines += run_section(name, folder)
                continue
            about = disk.read_json(os.path.join(folder, "about.json"), "examine.py")
            models = {head: parts[0][1]["model"] for head, parts in of_suites.items()}
            same = [head for head in models if models[head] == about["model"]]
            head = next((head for head in same if name.startswith(head + "-")), name)
            of_suites.setdefault(head, []).append((name[len(head) + 1 :], about, folder))
            suites_section(head, of_suites[head])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            broken = f"is not as qwen_train.py or examine.py left it ({error!r})"
            raise cli.UserError(f"{folder} {broken}: make it again") from None
    return [text for name in of_suites for text in suites_section(name, of_suites[name])] + lines


def suites_section(name, parts):
    """The suites of one student, a line each; at its end the best constant answer, all claims."""
    order = {suite: number for number, suite in enumerate(suites.SUITES)}
    rows, notes = {"all": [], "clear": []}, []
    for more, about, folder in parts:
        paths = glob.glob(os.path.join(folder, "evaluation_*.json"))
        contents = [evaluation.read(path) for path in paths]
        if not more:
            notes = [f"`{about['model']}`, {about['points']} points where the suite does not say."]
            learnt = task.of(about, name)
            notes += [f"Truth by {learnt.question.rules.words} of the rules."]
            notes += [f"Shown: {learnt.see}."] if learnt.see != "numbers" else []
            thinned = "Longer series than the student reads are thinned."
            notes += [thinned] if about["thin"] else []
        contents.sort(key=lambda content: order.get(content["name"], len(order)))
        for content in contents:
            if content.get("lengths"):
                least, most = content["lengths"]
                notes.append(f"`{content['name']}`: {least} to {most} points shown.")
            for kind in rows:
                columns = tables.claim_columns(tables.question_of([content]), kind)
                together = columns[-1]
                constants = [together.mean(content[constant]) for constant in CONSTANTS]
                best = max(constants, key=lambda mean: mean["mean"])
                cells = [str(together.mean(content["means"])["n"])]
                cells += [tables.JSON.cell(content["means"], 1)] * (kind == "all")
                cells += [column.cell(content["means"]) for column in columns]
                suite = content["name"] + f", {more}" * bool(more)
                rows[kind].append([suite, *cells, percent(best)])
    heads = [tables.words(column.head) for column in columns]

    def table(kind):
        plain = ["JSON %"] * (kind == "all")
        return tables.markdown([f"{kind} rows", "n", *plain, *heads, "constant"], rows[kind])

    return [f"### {name}", "", " ".join(notes), "", *table("all"), "", *folded(table("clear"))]


def folded(lines):
    """A table of the clear rows, closed until the reader opens it."""
    return ["<details><summary>the same on clear rows</summary>", "", *lines, "", "</details>", ""]


def run_section(name, folder):
    """A run: its settings, its first and last checkpoint, and what they stand beside."""
    about = disk.read_json(os.path.join(folder, "training.json"), "qwen_train.py")
    contents = run_folder.evaluations(folder)
    steps = [content["step"] for content in contents if content["step"]]
    ends = {None, 0, *steps[:1], *steps[-1:]}
    contents = [content for content in contents if content["step"] in ends]
    series = f"{about['series']} pairs (epochs: {about['epochs']:g})"
    if about["fresh"]:
        series = f"fresh {about['fresh']}"
        series += f", then {about['then_pairs']} pairs" if about["then_pairs"] else ""
    learnt = task.of(about, name)
    points = origin.points_text(learnt.points)
    head = (
        f"`{load.name_of(about['model'])}`, {series}, {points} points,"
        f" format `{learnt.format}`, batches of {about['batch_size'] * about['accumulate']},"
        f" rate {about['learning_rate']:g}, rank {about['rank']}. NLI scores from:"
        f" {contents[0]['nli_model']}. Truth by {learnt.question.rules.words} of the rules."
    )
    clear = folded(tables.for_markdown(contents, "clear"))
    return [f"### {name}", "", head, "", *tables.for_markdown(contents, "all"), "", *clear]


def sections(except_for=None):
    """(names in results/, lines of Markdown of them); UserError where something is broken."""
    paths = [path for about in ABOUT for path in glob.glob(os.path.join(RESULTS, "*", about))]
    found = {os.path.basename(os.path.dirname(path)) for path in paths}
    names = sorted(found - {except_for})
    return names, shown([(name, os.path.join(RESULTS, name)) for name in names])


def draw(names):
    """results/curves.png: the claims' accuracy over the steps of each kept run."""
    figure = curves.new_figure(8, 3.6 * len(names))
    for axes, name in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names):
        curves.draw_accuracy(axes, run_folder.evaluations(os.path.join(RESULTS, name)))
        axes.set_title(name, loc="left")
    curves.save_figure(figure, os.path.join(RESULTS, "curves.png"))


def page_parts():
    """results/README.md -> what stands before, between and after the two markers."""
    if not os.path.exists(PAGE):
        raise cli.UserError(f"no {PAGE} here: run this in the folder of the repository")
    with open(PAGE, "rb") as file:
        text = file.read().decode("utf-8", "replace")
    if "\ufffd" in text or "\r" in text:
        raise cli.UserError(f"{PAGE} is no text in UTF-8 with plain line ends: save it as such")
    parts = re.split("|".join(map(re.escape, MARKERS)), text)
    if len(parts) != 3 or text.find(MARKERS[0]) > text.find(MARKERS[1]):
        both = f"{MARKERS[0].strip()} and {MARKERS[1]}"
        raise cli.UserError(f"{PAGE} needs the lines {both} once each, in this order")
    return parts


def main(argv=None):
    parser = cli.Parser(__doc__)
    first = "First keep the evaluations of this run, or of its suites."
    parser.add_argument("--keep", metavar="FOLDER", help=first)
    parser.add_argument("--name", help="Under this name in results/; default: the folder's.")
    args = parser.parse_args(argv)
    parts = page_parts()
    if args.keep is not None:
        name = os.path.basename(os.path.abspath(args.keep)) if args.name is None else args.name
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise cli.UserError(f"--name {name!r}: give a name of letters, digits, dots and dashes")
        sections(except_for=name)  # what else is there must be whole before this one is replaced
        keep(args.keep, name)
    names, lines = sections()
    if not lines:
        raise cli.UserError(f"nothing in {RESULTS}/: keep a run or its suites with --keep")
    runs = [name for name in names if not os.path.exists(os.path.join(RESULTS, name, "about.json"))]
    if runs:
        draw(runs)
        lines += ["![The claims' accuracy over the steps of each run](curves.png)", ""]
    made = MARKERS[0] + "\n".join(["", *lines]) + MARKERS[1]
    disk.write_text(PAGE, parts[0] + made + parts[2])
    print(f"kept: {len(names)}\ntables: {PAGE}")


if __name__ == "__main__":
    cli.run(main)
