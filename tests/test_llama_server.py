"""mistral.py asks a real llama-server on loopback: text only, SmolLM2, answers held to the schema by its grammar.

SmolLM2-135M understands nothing of the question: what is tested is the talk of the two programs, not what it says.
Needs: build/llama and models/ (python fetch.py smollm2 llama-server), else it skips.
"""

import llama_shim
import pytest
from asking import run
from described import rows_of, write_rows

from llm_ts.question import STUDY
from llm_ts.series.rows import make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(smollm2, tmp_path_factory):
    """The address of a running llama-server."""
    command = [llama_shim.program("llama-server"), "-m", smollm2, "--host", "127.0.0.1", "--port", "PORT", "-c", "4096", "-np", "2"]
    with llama_shim.serving(command, tmp_path_factory.mktemp("llama")) as url:
        yield url


@pytest.fixture
def two_rows(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    write_rows(folder, make(3, range(2), 16)[0])
    return folder


def ask(folder, server, *flags, **kwargs):
    slow = ("--timeout", "400", "--max-tokens", "150")  # seconds where nothing else runs
    return run(folder, "--server-url", f"{server}/v1", *flags, *slow, key=None, **kwargs)


def test_rows_are_asked_about(two_rows, server):
    """Each has its sentences and a label of each claim, or the answer was cut off, three times."""
    out, _, counts = ask(two_rows, server, "--no-image", "--concurrency", "2", "--price", "1,1")
    assert int(counts["new"]) + int(counts["failed"]) == 2 and int(counts["completion_tokens"]) > 20
    assert "it is asked without" not in out  # llama-server takes the schema, and the seed
    for row in rows_of(two_rows):
        teacher = row["teacher"]
        assert (teacher["prompt"], teacher["image"]) == ("labels", False)
        if "gold" in row:
            assert STUDY.fits(row["gold"]) and list(teacher["labels"]) == list(STUDY.claims)
        else:
            assert "truncated" in teacher["failed"]


def test_a_picture_is_refused_in_one_line(two_rows, server):
    (two_rows / "dataset").mkdir()
    from llm_ts.pictures import plot

    for row in rows_of(two_rows):
        plot.plotter(16).save(row["series"], str(two_rows / "dataset" / f"{row['id']}.png"))
    _, err, counts = ask(two_rows, server, code=2)
    assert "image" in err and counts["left"] == "2"  # the server's own words
