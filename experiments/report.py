"""The tables of results/README.md and the curves in results/curves.png, made from
the evaluations kept in results/.

Reads: results/<name>/evaluation_*.json with training.json (a run) or
about.json (its suites); results/recipes.json, mixtures.json, seeds.json.
Writes: results/README.md between its two markers, results/curves.png; with
--keep also results/<name>/.
Run: python -m experiments.report
"""

import glob
import os
import re

from experiments import mixtures, recipes
from llm_ts import cli, disk, question, rules
from llm_ts.pairs import suites
from llm_ts.scores import curves, evaluation, tables
from llm_ts.scores.means import percent
from llm_ts.student import origin, run_folder

RESULTS = "results"
PAGE = os.path.join(RESULTS, "README.md")
MARKERS = ("<!-- made by report.py -->\n", "<!-- end of what report.py made -->")
ABOUT = ("training.json", "about.json")


def keep(folder, name):
    """Copy the evaluations of a run or of its suites to results/<name>/, leaving the single samples out.

    What stood under this name before is replaced, once all that is new has been read and could be shown.
    """
    section(name, folder)
    paths = [*glob.glob(os.path.join(folder, "evaluation_*.json")), *(os.path.join(folder, about) for about in ABOUT)]
    contents = {os.path.basename(path): disk.read_json(path, "qwen_train.py") for path in paths if os.path.exists(path)}
    for file, content in contents.items():
        kept = {**content, "samples": []} if "samples" in content else content
        for key, value in kept.items():
            if isinstance(value, str):  # a path of this machine says nothing elsewhere
                kept[key] = re.sub(r"(?<!\S)/\S*/(?=\S)", "", value)
        disk.write_json(os.path.join(RESULTS, name, file), kept)
    for path in glob.glob(os.path.join(RESULTS, name, "*.json")):
        if os.path.basename(path) not in contents:
            os.remove(path)


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
        raise cli.UserError(f"{folder} is not as qwen_train.py or examine.py left it ({error!r}): make it again") from None


def suites_section(name, folder):
    about = disk.read_json(os.path.join(folder, "about.json"), "examine.py")
    contents = [evaluation.read(path) for path in glob.glob(os.path.join(folder, "evaluation_*.json"))]
    head = f"`{about['model']}` on unseen series and controls, {about['points']} points where the suite does not say."
    head += f" Truth by {rules.of(about, name).words} of the rules."
    if about.get("thin"):
        head += " Series longer than the student reads were thinned as describe.py thins them."
    if about.get("see"):
        drawn = f" drawn by {os.path.basename(about['plots'])}" if about.get("plots") else ""
        drawn += ", drawn again with the line that was found" if about.get("finder_sha256") else ""
        head += f" Shown: {'numbers and ' * (about['see'] == 'both')}plots{drawn}."
    for content in contents:
        if content.get("lengths"):
            head += f" `{content['name']}`: {content['lengths'][0]} to {content['lengths'][1]} points{' shown' * bool(about.get('thin'))}."
    order = {suite: number for number, suite in enumerate(suites.SUITES)}
    contents.sort(key=lambda content: order.get(content["name"], len(order)))
    clear = folded(tables.suites_for_markdown(contents, "clear"))
    return [f"### {name}", "", head, "", *tables.suites_for_markdown(contents, "all"), "", *clear]


def run_section(name, folder):
    about = disk.read_json(os.path.join(folder, "training.json"), "qwen_train.py")
    contents = run_folder.evaluations(folder)
    series = f"{about['series']} pairs (epochs: {about['epochs']:g})"
    if about.get("fresh"):
        series = f"fresh {about['fresh']} ({100 * about.get('shapes', 0):g} % shapes)"
    points = origin.points_text(about["points"])
    head = (
        f"`{run_folder.name_of(about['model'])}`, {series}, {points} points, format `{about['format']}`, batches of"
        f" {about['batch_size'] * about['accumulate']}, rate {about['learning_rate']:g}, rank {about['rank']}."
        f" NLI scores from: {contents[0]['nli_model']}. Truth by {rules.of(about, name).words} of the rules."
    )
    return [
        f"### {name}",
        "",
        head,
        "",
        *tables.for_markdown(contents, "all"),
        "",
        *folded(tables.for_markdown(contents, "clear")),
    ]


def recipe_table(entries):
    """results/recipes.json -> lines of Markdown, one for each recipe: its score, its claims on all rows, its verdict."""
    n = next(iter(entries.values()))["score"]["n"]  # the same for all: recipes.py sees to it
    claims = question.STUDY.claims
    lines = []
    for name, entry in entries.items():
        shares = [f"{100 * entry['claims'][claim]['mean']:.0f}" for claim in claims]
        lines.append(
            [name, entry["what"], str(entry["series"]), str(entry["steps"]), percent(entry["score"]), *shares, entry["verdict"]]
        )
    return tables.markdown([f"recipe, n = {n}", "what differs", "series", "steps", "all claims", *claims, "verdict"], lines)


def mixtures_section(name, kept):
    """What mixtures.py kept -> lines of Markdown."""
    budget = kept["budget"]
    head = (
        f"`{budget['model']}`, which learns from {budget['series']:,} series of {budget['points']} points of each mixture"
        " of processes; all four claims, % right on clear rows; series longer than the student reads are thinned. The rule of the"
        " verdicts stands at the head of `mixtures.py`."
    )
    return [f"### {name}", "", head, "", *mixtures.table(kept), ""]


def sections(except_for=None):
    """(names in results/, lines of Markdown of them and of the recipes); UserError where something is broken."""
    found = {os.path.basename(os.path.dirname(p)) for a in ABOUT for p in glob.glob(os.path.join(RESULTS, "*", a))}
    names = sorted(found - {except_for})
    lines = [text for name in names for text in section(name, os.path.join(RESULTS, name))]
    if os.path.exists(recipes.OUT):
        kept = recipes.read_kept()
        budget = kept["budget"]
        lines += [
            "### recipes",
            "",
            f"`{budget['model']}`, {budget['points']} points, {budget['tokens']:,} tokens of series and answer",
        ]
        lines += [
            "each (all weights: two thirds of them, at the same cost), differing from the baseline in what the second column"
        ]
        lines += ["says; % right on unseen validation series. The rule of the verdicts stands at the head of `recipes.py`.", ""]
        lines += [*recipe_table(kept["recipes"]), ""]
    for name, path in (("mixtures", mixtures.OUT), ("seeds of the final recipe", mixtures.SEEDS)):
        if os.path.exists(path):
            lines += mixtures_section(name, mixtures.read_kept(path))
    return names, lines


def draw(names):
    """results/curves.png: the claims' accuracy over the steps of each kept run."""
    figure = curves.new_figure(8, 3.6 * len(names))
    for axes, name in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names):
        curves.draw_accuracy(axes, run_folder.evaluations(os.path.join(RESULTS, name)))
        axes.set_title(name, loc="left")
    curves.save_figure(figure, os.path.join(RESULTS, "curves.png"))


def page_parts():
    """results/README.md -> what stands before, between and after the two markers; UserError where it is not as it should be."""
    if not os.path.exists(PAGE):
        raise cli.UserError(f"no {PAGE} here: run this in the folder of the repository")
    with open(PAGE, "rb") as file:
        text = file.read().decode("utf-8", "replace")
    if "\ufffd" in text or "\r" in text:
        raise cli.UserError(f"{PAGE} is no text in UTF-8 with plain line ends: save it as such")
    parts = re.split("|".join(map(re.escape, MARKERS)), text)
    if len(parts) != 3 or text.find(MARKERS[0]) > text.find(MARKERS[1]):
        raise cli.UserError(f"{PAGE} needs the lines {MARKERS[0].strip()} and {MARKERS[1]} once each, in this order")
    return parts


def main(argv=None):
    parser = cli.Parser(__doc__)
    parser.add_argument("--keep", metavar="FOLDER", help="First keep the evaluations of this run, or of its suites.")
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
    disk.write_text(PAGE, parts[0] + MARKERS[0] + "\n".join(["", *lines]) + MARKERS[1] + parts[2])
    print(f"kept: {len(names)}\ntables: {PAGE}\ncurves: {RESULTS}/curves.png" if runs else f"kept: {len(names)}")


if __name__ == "__main__":
    cli.run(main)
