"""The documents: every relative link leads to a file that is there, and every #part to a heading of it."""

import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGES = [
    path
    for place in ("*.md", "docs/*.md", "*/README.md", "*/*/README.md", "results/*.md")
    for path in glob.glob(os.path.join(ROOT, place))
    if os.path.relpath(path, ROOT).split(os.sep)[0] not in ("build", "models", "run")
]


def anchors(text):
    """The names that links of a page may end in: "## Two teachers compared" -> "two-teachers-compared"."""
    heads = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken(path, text):
    """The links of a page that lead nowhere."""
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+://", link):
            continue
        name, _, part = link.partition("#")
        target = os.path.join(os.path.dirname(path), name.replace("\\", "")) if name else path
        if not os.path.exists(target):
            yield link
        elif part and part not in anchors(open(target, encoding="utf-8").read()):
            yield link


def test_links_lead_somewhere():
    found = {}
    for path in PAGES:
        with open(path, encoding="utf-8") as file:
            if links := list(broken(path, file.read())):
                found[os.path.relpath(path, ROOT)] = links
    assert len(PAGES) > 10 and not found


def test_a_planted_link_is_found():
    page = os.path.join(ROOT, "docs", "review.md")
    text = "# A head\n[a](nowhere.md) [b](#another-head) [c](serving.md#nothing) [d](#a-head)"
    assert list(broken(page, text.replace("(#a-head)", "(serving.md)"))) == [
        "nowhere.md", "#another-head", "serving.md#nothing"
    ]  # fmt: skip
