"""The soak at toy length: each way breaks a stage and loses nothing, and a loss is seen where there is one."""

import os
import random

import pytest

from experiments import soak

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("soak") / "kept")
    return folder, soak.prepare(folder, ("simulate", "truth", "ask", "curate", "curate, decided"))


@pytest.mark.parametrize(
    "stage, way",
    [("simulate", "torn file"), ("truth", "killed"), ("ask", "full disk"), ("curate", "broken line"), ("curate", "foreign file")],
)
def test_a_way_breaks_a_stage_and_loses_nothing(kept, tmp_path, stage, way):
    folder, about = kept
    before, seconds = about[stage]
    trial = soak.Trial(folder, stage, before, str(tmp_path / "work"), random.Random(3))
    soak.WAYS[way](trial, seconds)
    assert trial.wrong == []


def test_a_loss_is_seen(kept, tmp_path):
    """A file that is another one, one too many, one too few; a stage that fails where it should not."""
    folder, _ = kept
    trial = soak.Trial(folder, "curate, decided", "curate, decided", str(tmp_path / "work"), random.Random(3))
    trial.compare()
    assert trial.wrong == []
    verify = tmp_path / "work" / "verify.csv"
    verify.write_text(verify.read_text("utf-8-sig").replace(",own,", ",gold,"))
    os.rename(tmp_path / "work" / "data.jsonl", tmp_path / "work" / "gone.jsonl")
    trial.compare()
    assert trial.wrong == ["data.jsonl is missing", "gone.jsonl is new", "verify.csv is other"]
    trial.run(0)
    assert "exit code 2" in trial.wrong[-1]
    with open(os.path.join(folder, "curate, decided", "verify.csv"), encoding="utf-8") as file:
        assert file.read().count("A sentence of one's own.") == 20  # the decisions of a human are among what must stay
