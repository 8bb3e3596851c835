"""The pictures of an HTML or Markdown file that have no alt text, and a copy of the file in which they have one.

A text that is there stays. Everything else of the file stays too, letter by letter: broken tags as well.
"""

import html
import os
import re
import urllib.parse
from dataclasses import dataclass
from html.parser import HTMLParser

from llm_ts.base import cli, disk

ENDINGS = {".html": "html", ".htm": "html", ".xhtml": "html", ".md": "markdown", ".markdown": "markdown"}
ALT = re.compile(r"""\s+alt(?:\s*=\s*(?:"\s*"|'\s*'|(?=[\s/>])))?(?=[\s/>])""", re.IGNORECASE)
# a picture without alt text; before it what holds no picture: code in fences and in a line, comments
MARKDOWN = re.compile(
    r"^(```+|~~~+).*?^\1|(`+)(?!`).+?(?<!`)\2(?!`)|<!--.*?-->|!\[(?P<alt>\s*)\]\(\s*<?(?P<src>[^()\s<>]+)",
    re.DOTALL | re.MULTILINE,
)


@dataclass
class Place:
    """A picture without alt text. start, end: what stands there, in letters of the file; src: as the file names it."""

    start: int
    end: int
    src: str
    kind: str

    def filled(self, old, text):
        """What stands there, with the text."""
        if self.kind == "markdown":
            return "![" + re.sub(r"([\\\[\]*_`<])", r"\\\1", text) + old[old.index("]") :]
        tag = ALT.sub("", old, count=1)
        end = re.search(r"\s*/?>$", tag)
        return f'{tag[: end.start()]} alt="{html.escape(text)}"{tag[end.start() :]}'


class _Images(HTMLParser):
    """The places of <img> tags without alt text. Comments and scripts hold none."""

    def __init__(self, text):
        super().__init__()
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.places = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "img" and attrs.get("src") and not (attrs.get("alt") or "").strip():
            line, column = self.getpos()
            start, tag_text = self.starts[line - 1] + column, self.get_starttag_text()
            self.places.append(Place(start, start + len(tag_text), attrs["src"], "html"))


def places_in(text, kind):
    """The text of a file, "html" or "markdown" -> its Places, in order."""
    if kind == "html":
        return _Images(text).places
    found = []
    for match in MARKDOWN.finditer(text):
        if match["src"]:
            found.append(Place(match.start(), match.end(), match["src"], kind))
    return found


def file_of(src, page):
    """The file that a page shows as src. UserError if it is none beside it."""
    parts = urllib.parse.urlsplit(src)
    if parts.scheme or parts.netloc or not parts.path:
        raise cli.UserError("it is not a file of this machine")
    path = os.path.join(os.path.dirname(page), urllib.parse.unquote(parts.path))
    if not os.path.isfile(path):
        raise cli.UserError("there is no such file")
    return path


def write_alt(page, text_of):
    """Write a copy of a page, "page.alt.html", in which its pictures have an alt text where they had none.

    text_of: the path of a picture -> its text; UserError for one that cannot be described, which is left as it is.
    Returns (the copy's path, [(src, text or None, why it has none)]). UserError for a file that is no such page.
    """
    stem, end = os.path.splitext(page)
    if end.lower() not in ENDINGS:
        raise cli.UserError(f"--write-alt {page}: give a file that ends in {', '.join(ENDINGS)}")
    try:
        with open(page, encoding="utf-8", newline="") as file:
            text = file.read()
    except UnicodeDecodeError:
        raise cli.UserError(f"{page} is not UTF-8: save it so") from None
    done, parts, last = [], [], 0
    for place in places_in(text, ENDINGS[end.lower()]):
        path = ""
        try:
            said, why = text_of(path := file_of(place.src, page)), ""
        except cli.UserError as error:
            said, why = None, " ".join(str(error).removeprefix(f"{path}: ").split())
        old = text[place.start : place.end]
        parts += [text[last : place.start], place.filled(old, said) if said else old]
        last = place.end
        done.append((place.src, said, why))
    copy = f"{stem}.alt{end}"
    disk.write_text(copy, "".join([*parts, text[last:]]))
    return copy, done
