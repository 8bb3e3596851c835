"""The folder of a training: what lies in it, what is whole, which checkpoint is best, its tables, and the card of final/.

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
# of a checkpoint, not of final/: what only a restart needs, and PEFT's empty card
NOT_FINAL = ("optimizer.pt", "scheduler.pt", "rng_state*", "trainer_state.json", "training_args.bin", "README.md")
CARD = """# A student of llm_ts

It reads a time series of integers and answers in JSON with a sentence for each claim. qwen_train.py made it.

- **Base model:** `{model}`, as seen from the run's folder. Here lies {weights}.
- **Learnt from:** {series} series, of which it was shown the {see}; format `{format}`, question `{question}`, epochs {epochs:g}.
- **Checkpoint:** step {step}, {why}.
- **Use:** `python describe.py my.csv --model` with this folder, in the repository of llm_ts. `training.json` has all settings.

% of the test rows on which each claim is right, with 95 % intervals:

{table}
"""


def seen_from(folder, path):
    """A file or folder as a run keeps it: as seen from the run's folder, so that both may move together. A hub name as it is."""
    return os.path.relpath(path, folder) if os.path.exists(path) else path


def check(folder, settings, name="training.json"):
    """UserError where the folder holds another run, by the settings that it wrote into the named file."""
    path = os.path.join(folder, name)
    before = disk.read_json(path, "the same command") if os.path.exists(path) else settings
    if "task" in settings:
        task.of(before, path)
    differing = _others(folder, before, settings)
    others = [f"{name} ({str(had)[:80]} there, {str(now)[:80]} here)" for name, had, now in differing]
    if others:
        raise cli.UserError(f"{folder} holds a run with other {', '.join(others)}: give another --out, or delete that folder")


def _others(folder, before, settings):
    """(name, value before, value now) of each setting that differs, of one within another too."""
    for name, now in settings.items():
        had = before.get(name)
        if isinstance(had, dict) and isinstance(now, dict):
            yield from _others(folder, had, now)
        elif had != now:
            # runs of before kept a path as it was given; what begins with ".." is as seen from the folder already
            given = isinstance(had, str) and not had.startswith("..")
            if not given or seen_from(folder, had) != now:
                yield name, had, now


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


def mark_whole(checkpoint, step, seconds=0.0):
    """Bring every file of a checkpoint to the disk, then say in it that it is whole.

    seconds: that the run has taken up to it, all its starts together.
    """
    sizes = {}
    for name in set(os.listdir(checkpoint)) - {WHOLE}:
        path = os.path.join(checkpoint, name)
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        sizes[name] = os.path.getsize(path)
    about = {"step": step, "seconds": math.ceil(10 * seconds) / 10, "bytes": sizes}
    disk.write_json(os.path.join(checkpoint, WHOLE), about)


def _is_whole(checkpoint, without=()):
    """Whether every file that WHOLE names is there with its size; others, a note or what NFS leaves, do no harm.

    without: patterns of names that need not be there.
    """
    try:
        sizes = disk.read_json(os.path.join(checkpoint, WHOLE), "qwen_train.py").get("bytes")
    except cli.UserError:  # none, or torn itself
        return False
    if not isinstance(sizes, dict) or not sizes:
        return False
    paths = {name: os.path.join(checkpoint, name) for name in sizes.keys() - shutil.ignore_patterns(*without)("", sizes)}
    return all(os.path.exists(path) and os.path.getsize(path) == sizes[name] for name, path in paths.items())


def is_finished(folder):
    """Whether a run is trained to the end; UserError where its final/ is no longer what was trained."""
    final = os.path.join(folder, "final")
    if not os.path.exists(final):
        return False
    if not os.path.exists(os.path.join(folder, "training.json")) or not _is_whole(final, NOT_FINAL):
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
    scores = list(_scores(folder).values())
    return len(scores) - 1 - scores.index(max(scores)) if scores else 0


def evaluation_path(folder, step):
    return os.path.join(folder, f"evaluation_checkpoint-{step}.json" if step else "evaluation_avant.json")


def not_evaluated(folder, save_steps, last):
    """{step: path} of the planned checkpoints that have no evaluation yet. last: the step that ended the run."""
    planned = {step: path for step, path in checkpoints(folder).items() if step % save_steps == 0 or step == last}
    return {step: path for step, path in planned.items() if not os.path.exists(evaluation_path(folder, step))}


def evaluations(folder):
    """Every evaluation of a run in order: untrained, checkpoints by step, then what they stand beside (score.REFERENCES)."""
    names = [name for name in os.listdir(folder) if re.fullmatch(r"evaluation_checkpoint-\d+\.json", name)]
    names.sort(key=lambda name: int(re.search(r"\d+", name)[0]))
    names = ["evaluation_avant.json", *names, *(f"evaluation_{other}.json" for other in REFERENCES)]
    paths = [os.path.join(folder, name) for name in names]
    return [evaluation.read(path) for path in paths if os.path.exists(path)]


def validation_score(content):
    """Mean over the claims of the share right on all validation rows; None where none were asked."""
    if not content.get("validation"):
        return None
    right, names = content["validation"]["claims"]["all"], tables.question_of([content]).claims
    return sum(right[claim]["mean"] for claim in names) / len(names)


def _scores(folder):
    """{step: its score} of the evaluated checkpoints by step, as far as validation rows were asked."""
    scores = {content["step"]: validation_score(content) for content in evaluations(folder) if content["step"]}
    return {step: score for step, score in scores.items() if score is not None}


def best_step(folder):
    """The step of the checkpoint that reads the validation rows best, the later of equals; the last where none has any.

    Checkpoints without an evaluation (saved by a signal) do not take part. The test rows have no say.
    """
    whole = checkpoints(folder)
    scores = {step: score for step, score in _scores(folder).items() if step in whole}
    return max(scores, key=lambda step: (scores[step], step)) if scores else max(whole)


def finish(folder):
    """Copy the best checkpoint to final/, without what only a restart needs but with its step, training.json and a card."""
    step = best_step(folder)
    with disk.atomic(os.path.join(folder, "final")) as temporary:
        shutil.copytree(checkpoints(folder)[step], temporary, ignore=shutil.ignore_patterns(*NOT_FINAL))
        shutil.copy(os.path.join(folder, "training.json"), temporary)  # wherever final/ goes, it says what it was trained on
        disk.write_text(os.path.join(temporary, "README.md"), card(folder, step))


def card(folder, step):
    """What the README.md of final/ says of a run, from its own files. step: that of the checkpoint in final/."""
    about = disk.read_json(os.path.join(folder, "training.json"), "qwen_train.py")
    contents = [content for content in evaluations(folder) if content["step"] in (None, 0, step)]
    table = tables.for_markdown(contents, "all") if contents else ["It was not evaluated."]
    weights = f"its LoRA adapter of rank {about['rank']}" if about["rank"] else "the whole trained model"
    why = why_final(next((content for content in contents if content["step"] == step), None))
    return CARD.format(**{**about["task"], **about}, weights=weights, step=step, why=why, table="\n".join(table))


def why_final(content):
    """Why the checkpoint of this evaluation, None for none, is final."""
    if not content or not content.get("validation"):
        return "the last"
    n, score = content["validation"]["valid_json"]["n"], validation_score(content)
    return f"the best on {n} validation rows ({100 * score:.1f} % of their claims right)"


def print_tables(folder):
    """The evaluations on all rows and on clear rows; which checkpoint is final, why, and whether it beats the constants."""
    contents = evaluations(folder)
    for rows in ("all", "clear"):
        print("\n" + "\n".join(tables.for_terminal(contents, rows)))
    step = disk.read_json(os.path.join(folder, "final", WHOLE), "qwen_train.py")["step"]
    final = next((content for content in contents if content["step"] == step), None)
    if not final:
        return
    print(f"\nfinal: step {step}, {why_final(final)}")
    baseline = curves.constant_means(contents)
    if not baseline:
        return
    won = curves.beaten(final, baseline)
    lost = [claim for claim in baseline if claim not in won]
    print(f"beats the best constant answer on: {', '.join(won) or 'no claim'}")
    if lost:
        print(f"does NOT beat the best constant answer (its interval reaches down to it) on: {', '.join(lost)}")
