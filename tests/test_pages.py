"""describe.py --write-alt: a page's pictures get the alt text that they lack, and nothing else of it changes.

Needs: matplotlib. Run: python -m pytest -q tests/test_pages.py
"""

import re

import numpy as np
import pytest

import describe
from llm_ts.base import cli
from llm_ts.desk import pages

SAID = 'It rises to 5 & "more" <in> [1990]_*'
IN_HTML = "It rises to 5 &amp; &quot;more&quot; &lt;in&gt; [1990]_*"


def text_of(path):
    if "photo" in path:
        raise cli.UserError("it shows\nno line")
    return SAID


def filled(tmp_path, text, name="page.html"):
    """(the copy's text, what was done) of a page beside a.png and photo.png."""
    for picture in ("a.png", "photo.png", "b c.png"):
        (tmp_path / picture).write_bytes(b"")
    (tmp_path / name).write_bytes(text.encode())
    copy, done = pages.write_alt(str(tmp_path / name), text_of)
    assert (tmp_path / name).read_bytes() == text.encode()
    with open(copy, "rb") as file:
        return file.read().decode(), done


@pytest.mark.parametrize(
    "tag, made",
    [
        ('<img src="a.png">', f'<img src="a.png" alt="{IN_HTML}">'),
        ("<IMG alt='' src=a.png>", f'<IMG src=a.png alt="{IN_HTML}">'),
        ('<img alt src="a.png"/>', f'<img src="a.png" alt="{IN_HTML}"/>'),
        ('<img\n  src="b%20c.png?v=2"\n  alt=" "\n  />', f'<img\n  src="b%20c.png?v=2" alt="{IN_HTML}"\n  />'),
        ('<img data-alt="x" src="a.png">', f'<img data-alt="x" src="a.png" alt="{IN_HTML}">'),
        ('<img title="a > b" src="a.png" alt="">', f'<img title="a > b" src="a.png" alt="{IN_HTML}">'),
        ('<img alt="mine" src="a.png">', None), ("<!-- <img src='a.png'> -->", None), ("<script>'<img src=a.png>'</script>", None),
        ('<img alt="">', None), ("<img src=a.png", None),
    ],
)  # fmt: skip
def test_only_the_alt_text_of_a_tag_changes(tmp_path, tag, made):
    around = "<p>ü</i><b>\r\n1 < 2 & {} </p\n"
    copy, done = filled(tmp_path, around.format(tag))
    assert copy == around.format(made or tag) and [said for _, said, _ in done] == ([SAID] if made else [])


def test_markdown_pictures_get_theirs(tmp_path):
    text = "![](a.png) ![ ](a.png 'x') ![mine](a.png) `![](a.png)`\r\n```\n![](a.png)\n```\n![](https://x/a.png) <!-- ![](a.png) -->\n"
    copy, done = filled(tmp_path, text, "page.md")
    said = r'It rises to 5 & "more" \<in> \[1990\]\_\*'
    assert copy == text.replace("![](a.png) ![ ](a.png", f"![{said}](a.png) ![{said}](a.png", 1)
    assert [(src, why) for src, _, why in done] == [
        ("a.png", ""),
        ("a.png", ""),
        ("https://x/a.png", "it is not a file of this machine"),
    ]


def test_what_cannot_be_described_stays_and_is_told(tmp_path):
    text = '<img src="photo.png" alt=""><img src="gone.png"><img src="data:image/png;base64,AA"><img src="a.png">'
    copy, done = filled(tmp_path, text)
    assert copy == text[:-1] + f' alt="{IN_HTML}">'
    assert [why for *_, why in done] == ["it shows no line", "there is no such file", "it is not a file of this machine", ""]


@pytest.mark.parametrize("name, data, line", [("page.txt", b"", "that ends in"), ("page.html", b"\xff", "is not UTF-8")])
def test_another_file_is_refused(tmp_path, name, data, line):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(cli.UserError, match=line):
        pages.write_alt(str(tmp_path / name), text_of)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_line_of_a_picture_is_told_without_values(tmp_path, capsys):
    """The whole way: pictures drawn by matplotlib, whose course is known, get their text; bars stay without."""
    plt = pytest.importorskip("matplotlib.pyplot")
    t, rng = np.arange(100), np.random.default_rng(0)
    lines = {
        "rise": (t + rng.standard_normal(100), "It rises as a whole. Highest at "),
        "roof": (np.minimum(t, 100 - t) + rng.standard_normal(100), "It rises until 5"),
        "spike": (
            np.where(t == 30, 40, 0) + rng.standard_normal(100),
            "A single spike stands out at 30 % of the width. It stays level",
        ),
        "wave": (np.sin(2 * np.pi * t / 12.5), "It repeats itself about 8 times. It neither rises nor falls"),
    }
    for name, (values, _) in lines.items():
        figure, axes = plt.subplots()
        axes.plot(values)
        figure.savefig(tmp_path / f"{name}.png")
    figure, axes = plt.subplots()
    axes.bar(t[:9], t[:9])
    figure.savefig(tmp_path / "bars.png")
    plt.close("all")
    page = tmp_path / "page.md"
    page.write_text("".join(f"![]({name}.png)\n" for name in (*lines, "bars")))
    assert not describe.main(["--write-alt", str(page)])
    out = capsys.readouterr().out
    for line, (name, (_, said)) in zip((tmp_path / "page.alt.md").read_text().splitlines(), lines.items()):
        assert line.startswith(f"![Line chart. {said}") and line.endswith(f"]({name}.png)") and len(line) < 300
        assert not re.search(r"\d", re.sub(r"\d+ % of the width|about \d+ times", "", line))  # no value that nobody gave
    assert "bars.png: left as it is: this picture shows no single line" in out and "with one now: 4" in out
    with pytest.raises(cli.UserError, match="takes no files"):
        describe.main(["--write-alt", str(page), "a.csv"])
