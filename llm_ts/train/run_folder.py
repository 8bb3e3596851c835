"""The folder of a training: what lies in it, what is whole, which checkpoint is best, and its tables.

checkpoint-<step>/ with whole.json, evaluation_*.json, training.json, final/.
"""

import contextlib
import math
import os
import re
import shutil

from llm_ts import task
from llm_ts.base import cli, disk
from llm_ts.scores import curves, evaluation, tables
from llm_ts.scores.score import REFERENCES

WHOLE = "whole.json"  # written last into a checkpoint, with the size of every file: without them it is incomplete
RESUME_ONLY = ("optimizer.pt", "scheduler.pt", "rng_state*", "trainer_state.json", "training_args.bin")


def check(folder, settings, name="training.json"):
    """UserError where the folder holds another run, by the settings that it wrote into the named file."""
    path = os.path.join(folder, name)
    before = disk.read_json(path, "the same command") if os.path.exists(path) else settings
    if "task" in settings:
        task.of(before, path)
    if other := list(_others(before, settings)):
        raise cli.UserError(
            f"{folder} holds a run with other {', '.join(other)}: give another --out, or delete that folder"
        )


def _others(before, settings):
    """The names of the settings that differ, of one within another too."""
    for name, value in settings.items():
        had = before.get(name)
        if isinstance(had, dict) and isinstance(value, dict):
            yield from _others(had, value)
        elif had != value:
            yield name


@contextlib.contextmanager
def hold(folder, wait=False):
    """Hold a folder: a second run in it is refused with UserError, or waits. The lock is the kernel's, as in records."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, ".lock"), "ab") as file:  # for writing: NFS locks no other
        try:
            disk.lock(file, wait)
        except BlockingIOError:
            raise cli.UserError(f"{folder} is being trained by another run: wait for it, or give another --out") from None
        yield


def _sizes(checkpoint):
    return {name: os.path.getsize(os.path.join(checkpoint, name)) for name in os.listdir(checkpoint) if name != WHOLE}


def mark_whole(checkpoint, step, seconds=0.0):
    """Bring every file of a checkpoint to the disk, then say in it that it is whole.

    seconds: that the run has taken up to it, all its starts together.
    """
    for name in os.listdir(checkpoint):
        descriptor = os.open(os.path.join(checkpoint, name), os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    disk.write_json(
        os.path.join(checkpoint, WHOLE), {"step": step, "seconds": math.ceil(10 * seconds) / 10, "bytes": _sizes(checkpoint)}
    )


def _is_whole(checkpoint, without=()):
    """Whether every file that WHOLE names is there with its size; others, a note or what NFS leaves, do no harm.

    without: patterns of names that need not be there.
    """
    path = os.path.join(checkpoint, WHOLE)
    if not os.path.exists(path):
        return False
    try:
        named = disk.read_json(path, "qwen_train.py").get("bytes")
    except cli.UserError:  # torn itself
        return False
    if not isinstance(named, dict) or not named:
        return False
    sizes = _sizes(checkpoint)
    left_out = shutil.ignore_patterns(*without)(checkpoint, named)
    return all(sizes.get(name) == size for name, size in named.items() if name not in left_out)


def is_finished(folder):
    """Whether a run is trained to the end; UserError where its final/ is no longer what was trained."""
    final = os.path.join(folder, "final")
    if not os.path.exists(final):
        return False
    if not os.path.exists(os.path.join(folder, "training.json")) or not _is_whole(final, RESUME_ONLY):
        raise cli.UserError(f"{final} is no longer what was trained: move it away")  # it appears whole or not at all
    return True


def _saved(folder):
    """{step: path} of all checkpoints by step, incomplete ones too. Without the folder, none: process 0 may not have made it."""
    names = os.listdir(folder) if os.path.isdir(folder) else ()
    steps = [int(name.removeprefix("checkpoint-")) for name in names if re.fullmatch(r"checkpoint-\d+", name)]
    return {step: os.path.join(folder, f"checkpoint-{step}") for step in sorted(steps)}


def checkpoints(folder):
    """{step: path} of the whole checkpoints, by step."""
    return {step: path for step, path in _saved(folder).items() if _is_whole(path)}


def last_checkpoint(folder):
    """Path of the newest whole checkpoint, or None; incomplete ones are passed over, aloud."""
    whole = checkpoints(folder)
    for step in _saved(folder).keys() - whole.keys():
        print(f"passed over checkpoint-{step}: it is incomplete (killed while saving, or cut since)", flush=True)
    return whole[max(whole)] if whole else None


def seconds(folder):
    """The seconds that a run has taken up to its newest whole checkpoint, all starts together."""
    whole = checkpoints(folder)
    return disk.read_json(os.path.join(whole[max(whole)], WHOLE), "qwen_train.py").get("seconds", 0.0) if whole else 0.0


def stands_still(folder):
    """The number of evaluated checkpoints since the one that first read the validation rows best."""
    scores = [score for content in evaluations(folder) if content["step"] and (score := validation_score(content)) is not None]
    return len(scores) - 1 - scores.index(max(scores)) if scores else 0


def evaluation_path(folder, step):
    return os.path.join(folder, f"evaluation_checkpoint-{step}.json" if step else "evaluation_avant.json")


def evaluations(folder):
    """Every evaluation of a run in order: untrained, checkpoints by step, then what they stand beside (score.REFERENCES)."""
    names = [name for name in os.listdir(folder) if re.fullmatch(r"evaluation_checkpoint-\d+\.json", name)]
    names.sort(key=lambda name: int(re.search(r"\d+", name)[0]))
    others = [f"evaluation_{name}.json" for name in REFERENCES]
    names = ["evaluation_avant.json", *names, *others]
    paths = [os.path.join(folder, name) for name in names]
    return [evaluation.read(path) for path in paths if os.path.exists(path)]


def validation_score(content):
    """Mean over the claims of the share right on all validation rows; None where none were asked."""
    if not content.get("validation"):
        return None
    right, names = content["validation"]["claims"]["all"], tables.question_of([content]).claims
    return sum(right[claim]["mean"] for claim in names) / len(names)


def best_step(folder):
    """The step of the checkpoint that reads the validation rows best, the later of equals; the last where none has any.

    Checkpoints without an evaluation (saved by a signal) do not take part. The test rows have no say.
    """
    whole = checkpoints(folder)
    scores = {}
    for content in evaluations(folder):
        if content["step"] in whole and validation_score(content) is not None:
            scores[content["step"]] = validation_score(content)
    return max(scores, key=lambda step: (scores[step], step)) if scores else max(whole)


def finish(folder):
    """Copy the best checkpoint to final/, without what only a restart needs but with its step and with training.json."""
    step = best_step(folder)
    with disk.atomic(os.path.join(folder, "final")) as temporary:
        shutil.copytree(checkpoints(folder)[step], temporary, ignore=shutil.ignore_patterns(*RESUME_ONLY))
        shutil.copy(os.path.join(folder, "training.json"), temporary)  # wherever final/ goes, it says what it was trained on


def print_tables(folder):
    """The evaluations on all rows and on clear rows; which checkpoint is final, why, and whether it beats the constants."""
    contents = evaluations(folder)
    for rows in ("all", "clear"):
        print("\n" + "\n".join(tables.for_terminal(contents, rows)))
    step = disk.read_json(os.path.join(folder, "final", WHOLE), "qwen_train.py")["step"]
    final = next((content for content in contents if content["step"] == step), None)
    if not final:
        return
    score = validation_score(final)
    n = final["validation"]["valid_json"]["n"] if score is not None else 0
    why = f"the best on {n} validation rows ({100 * score:.1f} % of their claims right)" if n else "the last"
    print(f"\nfinal: step {step}, {why}")
    baseline = curves.constant_means(contents)
    if not baseline:
        return
    won = curves.beaten(final, baseline)
    lost = [claim for claim in baseline if claim not in won]
    print(f"beats the best constant answer on: {', '.join(won) or 'no claim'}")
    if lost:
        print(f"does NOT beat the best constant answer (its interval reaches down to it) on: {', '.join(lost)}")
