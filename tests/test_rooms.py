"""Who may import whom: stages and experiments import the package, nobody imports them; a room imports rooms below it alone."""

import ast
import glob
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = "llm_ts"

# from the ground up: each room, a file or a folder of the package, may import those before it, and itself
ROOMS = ["base", "claims", "rules", "formats", "question", "series", "task", "pictures", "data"]
ROOMS += ["pairs", "table", "teacher", "scores", "review", "fast", "gguf", "student", "train", "sight", "export", "desk"]
STAGES = {os.path.basename(path)[:-3] for path in glob.glob(os.path.join(ROOT, "*.py"))}
FILES = [
    os.path.relpath(path, ROOT)
    for place in ("*.py", f"{PACKAGE}/**/*.py", "experiments/**/*.py")
    for path in sorted(glob.glob(os.path.join(ROOT, place), recursive=True))
]


def imported(text):
    """The modules that a file names in its import statements, at the top or inside a function, in full."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide where a module lies"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def place(path):
    """A file -> "stage", "experiments", or its room in the package ("" for the package itself)."""
    parts = path.removesuffix(".py").split(os.sep)
    if parts[0] == PACKAGE:
        return "" if parts[1] == "__init__" else parts[1]
    return "stage" if len(parts) == 1 else parts[0]


def faults(path, text):
    """What a file imports and may not, as texts."""
    here = place(path)
    for module in imported(text):
        head, *rest = module.split(".")
        if head in STAGES:
            yield f"{path} imports the stage {head}: what both need belongs into {PACKAGE}"
        if head == "experiments" and here != "experiments":
            yield f"{path} imports {module}: experiments stand on the roof"
        if head == PACKAGE and here not in ("stage", "experiments"):  # "": the package itself, below every room
            level = ROOMS.index(here) if here else -1
            if not here and rest[:2] in (["desk", "api"], ["desk", "alt"]):
                continue  # what the package gives to a notebook, when it is asked for
            if not rest or ROOMS.index(rest[0]) > level:
                yield f"{path} imports {module}, which lies above it"
        if head == "importlib" and here not in ("experiments",):
            yield f"{path} imports {module}: an import that nobody can see"


def test_imports_go_down():
    found = []
    for path in FILES:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            found += faults(path, file.read())
    assert not found, "\n".join(found)


PLANTED = [
    (f"{PACKAGE}/claims/trend.py", f"from {PACKAGE}.question import STUDY"),
    (f"{PACKAGE}/data/records.py", f"def f():\n    from {PACKAGE}.student import load"),
    ("curate.py", "import convert"),
    (f"{PACKAGE}/pairs/pair.py", "from ou_process import main"),
    (f"{PACKAGE}/base/cli.py", "from experiments import compare"),
    (f"{PACKAGE}/__init__.py", f"from {PACKAGE}.student import load"),
    (f"{PACKAGE}/scores/means.py", f"import {PACKAGE}"),
    (f"{PACKAGE}/data/records.py", "import importlib"),
]


def test_each_planted_import_is_found():
    for path, line in PLANTED:
        assert len(list(faults(path.replace("/", os.sep), line))) == 1, (path, line)


def test_every_room_is_in_the_list_and_every_listed_room_is_there():
    assert {place(path) for path in FILES} - {"stage", "experiments", ""} == set(ROOMS)


def test_the_top_level_holds_scripts_alone():
    assert len(STAGES) >= 10
    for stage in STAGES:
        with open(os.path.join(ROOT, stage + ".py"), encoding="utf-8") as file:
            assert file.read().rstrip().endswith("cli.run(main)"), f"{stage}.py is no script: it belongs into {PACKAGE}"
