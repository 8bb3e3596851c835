"""The tables of README.md and the curves in results/curves.png, made from the evaluations kept in results/.

Reads: results/<name>/evaluation_*.json with training.json (a run) or about.json (its suites); results/recipes.json.
Writes: README.md between its two markers, results/curves.png; with --keep also results/<name>/.
Run: python report.py
"""

import glob
import os
import re

import cli
import description
import evaluation
import recipes
import records
import run_folder
import scoring
import suites
import truth

RESULTS = "results"
MARKERS = ("<!-- made by report.py -->\n", "<!-- end of what report.py made -->")
ABOUT = ("training.json", "about.json")


def keep(folder, name):
    """Copy the evaluations of a run or of its suites to results/<name>/, leaving the single samples out.

    What stood under this name before is replaced, once all that is new has been read and could be shown.
    """
    section(name, folder)
    paths = [*glob.glob(os.path.join(folder, "evaluation_*.json")), *(os.path.join(folder, about) for about in ABOUT)]
    contents = {os.path.basename(path): records.read_json(path, "qwen_train.py") for path in paths if os.path.exists(path)}
    for file, content in contents.items():
        kept = {**content, "samples": []} if "samples" in content else content
        for key, value in kept.items():
            if isinstance(value, str):  # a path of this machine says nothing elsewhere
                kept[key] = re.sub(r"(?<!\S)/\S*/(?=\S)", "", value)
        records.write_json(os.path.join(RESULTS, name, file), kept)
    for path in glob.glob(os.path.join(RESULTS, name, "*.json")):
        if os.path.basename(path) not in contents:
            os.remove(path)


def line(name, means, rows):
    """One line of a table: on all rows JSON, cosine and the three NLI scores as means, then the claims with their intervals."""
    plain = []
    if rows == "all":
        plain = [f"{100 * means['valid_json']['mean']:.0f}", f"{means['cosine']['mean']:.2f}"]
        plain += [f"{means[f'nli_{sentence}']['mean']:.2f}" for sentence in description.SENTENCES]
    return "| " + " | ".join([name, *plain, *(scoring.percent(means["claims"][rows][claim]) for claim in scoring.SCORED)]) + " |"


def table(contents, rows):
    """Evaluations -> lines of Markdown; rows: "all" or "clear"."""
    counts = contents[0]["means"]["claims"][rows]
    claims = " | ".join(f"{claim.replace('_', ' ')}, n = {counts[claim]['n']}" for claim in scoring.SCORED)
    plain = "JSON % | cosine | NLI trend | noise | extrema | " if rows == "all" else ""
    lines = [f"| {rows} rows | {plain}{claims} |", "|---" * (11 if plain else 6) + "|"]
    return [*lines, *(line(content["name"], content["means"], rows) for content in contents)]


def suite_table(contents, rows):
    """The suites of a student in one table, below each the better of the constant answers in each claim; rows as in table."""
    claims = " | ".join(claim.replace("_", " ") for claim in scoring.SCORED)
    whole = rows == "all"
    lines = [f"| {rows} rows | {'JSON % | ' if whole else ''}{claims} | n of all four |", "|---" * (8 if whole else 7) + "|"]
    order = {name: number for number, name in enumerate(suites.SUITES)}
    for content in sorted(contents, key=lambda content: order.get(content["name"], len(order))):
        right = content["means"]["claims"][rows]
        constants = [content[name]["claims"][rows] for name in scoring.CONSTANTS]
        best = {claim: max((constant[claim] for constant in constants), key=lambda m: m["mean"]) for claim in scoring.SCORED}
        json_share = [f"{100 * content['means']['valid_json']['mean']:.1f}"] if whole else []
        for cells, share in (([content["name"], *json_share], right), (["constant"] + [""] * whole, best)):
            cells += [scoring.percent(share[claim]) for claim in scoring.SCORED]
            lines.append("| " + " | ".join([*cells, str(right["all_four"]["n"])]) + " |")
    return lines


def folded(lines):
    """A table of the clear rows, closed until the reader opens it."""
    return ["<details><summary>the same on clear rows</summary>", "", *lines, "", "</details>", ""]


def section(name, folder):
    """The Markdown of a folder of evaluations: what it is, and its tables; UserError where it is not as it was written."""
    if not glob.glob(os.path.join(folder, "evaluation_*.json")):
        raise cli.UserError(f"{folder} has no evaluation_*.json: give the folder of a run, or of its suites")
    try:
        if os.path.exists(os.path.join(folder, "about.json")):
            return suites_section(name, folder)
        return run_section(name, folder)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise cli.UserError(f"{folder} is not as qwen_train.py or evaluate.py left it ({error!r}): make it again") from None


def suites_section(name, folder):
    about = records.read_json(os.path.join(folder, "about.json"), "evaluate.py")
    contents = [evaluation.read_evaluation(path) for path in glob.glob(os.path.join(folder, "evaluation_*.json"))]
    head = f"`{about['model']}` on unseen series and controls, {about['points']} points where the suite does not say."
    clear = folded(suite_table(contents, "clear")) if len(contents) == 1 else []  # many suites: in results/ alone
    return [f"### {name}", "", head, "", *suite_table(contents, "all"), "", *clear]


def run_section(name, folder):
    about = records.read_json(os.path.join(folder, "training.json"), "qwen_train.py")
    contents = run_folder.evaluations(folder)
    series = f"{about['series']} pairs (epochs: {about['epochs']:g})"
    if about.get("fresh"):
        series = f"fresh {about['fresh']} ({100 * about.get('shapes', 0):g} % shapes)"
    points = description.points_text(about["points"])
    head = (
        f"`{run_folder.name_of(about['model'])}`, {series}, {points} points, format `{about['format']}`, batches of"
        f" {about['batch_size'] * about['accumulate']}, rate {about['learning_rate']:g}, rank {about['rank']}."
        f" NLI scores from: {contents[0]['nli_model']}."
    )
    return [f"### {name}", "", head, "", *table(contents, "all"), "", *folded(table(contents, "clear"))]


def recipe_table(entries):
    """results/recipes.json -> lines of Markdown, a recipe a line: its score, its claims on all rows, its verdict."""
    n = next(iter(entries.values()))["score"]["n"]  # the same for all: recipes.py sees to it
    head = f"| recipe, n = {n} | what differs | series | steps | all claims | {' | '.join(truth.CLAIMS)} | verdict |"
    lines = [head, "|---" * 10 + "|"]
    for name, entry in entries.items():
        cells = [name, entry["what"], str(entry["series"]), str(entry["steps"]), scoring.percent(entry["score"])]
        cells += [f"{100 * entry['claims'][claim]['mean']:.0f}" for claim in truth.CLAIMS]
        lines.append("| " + " | ".join([*cells, entry["verdict"]]) + " |")
    return lines


def tables(except_for=None):
    """(names in results/, lines of Markdown of them and of the recipes); UserError where something is broken."""
    found = {os.path.basename(os.path.dirname(p)) for a in ABOUT for p in glob.glob(os.path.join(RESULTS, "*", a))}
    names = sorted(found - {except_for})
    lines = [text for name in names for text in section(name, os.path.join(RESULTS, name))]
    if os.path.exists(recipes.OUT):
        kept = recipes.read_kept()
        budget = kept["budget"]
        lines += ["### recipes", "", f"`{budget['model']}`, {budget['points']} points, {budget['tokens']:,} tokens of series and answer"]
        lines += ["each (all weights: two thirds of them, at the same cost), differing from the baseline in what the second column"]
        lines += ["says; % right on unseen validation series. The rule of the verdicts stands at the head of `recipes.py`.", ""]
        lines += [*recipe_table(kept["recipes"]), ""]
    return names, lines


def draw(names):
    """results/curves.png: the claims' accuracy over the steps of each kept run."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6 * len(names)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names):
        run_folder.draw_accuracy(axes, run_folder.evaluations(os.path.join(RESULTS, name)))
        axes.set_title(name, loc="left")
    with records.atomic(os.path.join(RESULTS, "curves.png")) as temporary:
        figure.savefig(temporary, format="png")


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--keep", metavar="FOLDER", help="First keep the evaluations of this run, or of its suites.")
    parser.add_argument("--name", help="Under this name in results/; default: the folder's.")
    args = parser.parse_args(argv)
    if not os.path.exists("README.md"):
        raise cli.UserError("no README.md here: run this where it lies")
    with open("README.md", "rb") as file:
        text = file.read().decode("utf-8", "replace")
    if "\ufffd" in text or "\r" in text:
        raise cli.UserError("README.md is no text in UTF-8 with plain line ends: save it as such")
    parts = re.split("|".join(map(re.escape, MARKERS)), text)
    if len(parts) != 3 or text.find(MARKERS[0]) > text.find(MARKERS[1]):
        raise cli.UserError(f"README.md needs the lines {MARKERS[0].strip()} and {MARKERS[1]} once each, in this order")
    if args.keep is not None:
        name = os.path.basename(os.path.abspath(args.keep)) if args.name is None else args.name
        if not re.fullmatch(r"\w[\w.-]*", name):
            raise cli.UserError(f"--name {name!r}: give a name of letters, digits, dots and dashes")
        tables(except_for=name)  # what else is there must be whole before this one is replaced
        keep(args.keep, name)
    names, lines = tables()
    if not lines:
        raise cli.UserError(f"nothing in {RESULTS}/: keep a run or its suites with --keep")
    runs = [name for name in names if not os.path.exists(os.path.join(RESULTS, name, "about.json"))]
    if runs:
        draw(runs)
        lines += ["![The claims' accuracy over the steps of each run](results/curves.png)", ""]
    records.write_text("README.md", parts[0] + MARKERS[0] + "\n".join(["", *lines]) + MARKERS[1] + parts[2])
    print(f"kept: {len(names)}\ntables: README.md\ncurves: {RESULTS}/curves.png" if runs else f"kept: {len(names)}")


if __name__ == "__main__":
    cli.run(main)
