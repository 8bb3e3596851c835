"""Fine-tune a small language model with LoRA on the pairs, evaluating before
training and at every checkpoint.

Reads: test_jsonl.jsonl (convert.py); a model: hub name, folder or .gguf file.
Writes, in a folder named after the model: training.json, test_rows.jsonl,
checkpoint-<step>/, evaluation_avant.json, evaluation_checkpoint-<step>.json,
evaluation_majority.json, evaluation_commonest.json, evaluation_guessed.json,
evaluation_teacher.json, evaluation_beside.json (--beside), training.png, final/
(the adapter).
Run: python qwen_train.py --data test_jsonl.jsonl --model Qwen/Qwen2.5-0.5B-Instruct

Started again, the same command goes on from the last whole checkpoint.
SIGTERM, SIGUSR1 and Ctrl-C save at the next step and exit with 75: run it
again. final/ is the checkpoint that reads simulated validation rows best, with
--validation 0 the last; the test rows have no say. Under torchrun, the
processes share the batches and the evaluations out among them, and --stop-file
says what torchrun's own exit code cannot: that they stopped because they were
asked to. A loss that is no number ends the run at once, and nothing of it is
kept.
"""

import contextlib
import os
import sys

from llm_ts import question
from llm_ts.base import cli, disk, torchrun
from llm_ts.data import pair
from llm_ts.pairs import fresh
from llm_ts.scores import curves, similarity, tables
from llm_ts.student import device, load
from llm_ts.student.student import Student
from llm_ts.task import Task
from llm_ts.train import callbacks, evaluate, flags, run_folder, sft, trial


def load_rows(run):
    """(train rows, validation rows, test rows); --fresh draws the first, the simulator always draws the second.

    What is drawn comes from --process, else from the processes of the training pairs, and is asked their question. With
    --then-pairs, the first pairs come after it. Where plots are shown, those of the file's pairs lie in run.dataset.
    """
    pairs, test_rows = pair.read(run.data)
    fmt, points = test_rows[0]["format"], len(test_rows[0]["series"])
    processes = run.process or pair.processes_of(pairs) or Task.processes
    alike = {"question": question.of(test_rows[0], run.data), "processes": processes}

    # to learn from: the pairs, or fresh series, and then the first pairs
    drawn, given = [], pairs[: run.then_pairs] if run.fresh else pairs
    if run.fresh:
        words = None
        if run.words == "both":
            from llm_ts.pairs.words import Words

            words = Words(pairs)
            print(f"words of the teacher: {words}", flush=True)
        more = {**alike, "squeeze": run.squeeze, "long": run.long, "words": words}
        drawn = fresh.pairs("train", fresh.plan(run.fresh), fmt, run.seed, **more)
    drawn = [pair.show(row, run.see) for row in drawn]
    drawn = fresh.in_other_orders(drawn, run.reorder, run.seed) if run.reorder else drawn
    train_rows = drawn + [pair.show(row, run.see, run.dataset) for row in given]

    # to be asked
    unseen = fresh.pairs("validation", [(points, points, run.validation)], fmt, **alike) if run.validation else []
    validation_rows = [pair.show(row, run.see) for row in unseen]
    test_rows = [pair.show(row, run.see, run.dataset) for row in pair.first_of(test_rows, run.eval_rows)]
    return train_rows, validation_rows, test_rows


def load_student(run, name, adapter=None):
    """(model, tokenizer or processor) in the dtype of training: fp32 for full fine-tuning, whose small steps bf16 would lose."""
    return load.load(name, device.dtype(run.dtype if run.rank else "fp32"), adapter, run.see)


def train_to_the_end(run, folder, model, processor, rows, scorer, stop):
    """Train to the end or until stop.asked; returns the exit code. rows: (train, validation, test)."""
    from transformers import TrainerState

    train_rows, validation_rows, test_rows = rows
    print(f"parameters: {model.num_parameters() / 1e6:.0f} M", flush=True)

    def keep_scores(model, step):
        name = f"step {step}" if step else "untrained"
        student = Student.around(model, processor, run.eval_batch_size)
        both = (test_rows, validation_rows if step else [])  # untrained, it is no candidate
        content = evaluate.evaluate(name, student, *both, scorer, run.max_new_tokens, stop, base=run.model, step=step)
        if content is None:
            print(f"the evaluation of step {step} is left for the next start", flush=True)
            return
        if torchrun.number() == 0:
            disk.write_json(run_folder.evaluation_path(folder, step), content)
        cli.say("\n".join(tables.for_terminal([content])))

    # first what can fail, and what is only done once; then where the last start ended
    limits = callbacks.Limits(folder, run.patience, run.minutes)
    more = callbacks.make(folder, keep_scores, stop, limits)
    trainer = sft.make(flags.recipe_of(run), folder, model, processor, train_rows, more)
    if torchrun.number() == 0 and not run_folder.checkpoints(folder):
        trial.run(trainer, processor, train_rows, run.gguf)
    if torchrun.first(not os.path.exists(run_folder.evaluation_path(folder, 0))):
        keep_scores(trainer.model, 0)
    checkpoint = torchrun.first(run_folder.last_checkpoint(folder))
    over = torchrun.first(limits.reason())
    if checkpoint:
        print(f"going on from {checkpoint}", flush=True)
        # Transformers would train a step beyond the end where the epochs are no whole number
        trainer.state = TrainerState.load_from_json(os.path.join(checkpoint, "trainer_state.json"))
        over = over or trainer.state.global_step >= trainer.state.max_steps
    if not over:
        trainer.train(resume_from_checkpoint=checkpoint)

    # why it ended; short of the last step and of every limit, it was asked to stop
    reached, planned = trainer.state.global_step, trainer.state.max_steps
    early = torchrun.first(limits.reason()) if reached < planned else None
    if early:
        print(f"ended at step {reached} of {planned}: {early} (for more, delete {folder}/final and allow more)", flush=True)
    elif reached < planned:
        first = f"delete {run.stop_file} and " if run.stop_file else ""
        print(f"stopped: saved at step {reached}; {first}run the same command to go on")
        return cli.REQUEUE

    # evaluations that were cut off; then final/
    for step, path in torchrun.first(run_folder.not_evaluated(folder, run.save_steps, reached)).items():
        print(f"the evaluation of step {step} was cut off: doing it now", flush=True)
        place = (model.name_or_path, path) if load.is_adapter(path) else (path,)  # the base of today: it may have moved
        saved, _ = load_student(run, *place)
        # Accelerate computes in the dtypes of the training with it
        keep_scores(trainer.accelerator.prepare_model(saved, evaluation_mode=True), step)
        if torchrun.any_of(stop.asked):
            return cli.REQUEUE
    torchrun.barrier()
    if torchrun.number() == 0:
        contents = run_folder.evaluations(folder)
        second = flags.drawn_by(run) / run.batch_size / run.accumulate / torchrun.count() if run.then_pairs else None
        curves.draw_training(contents, trainer.state.log_history, os.path.join(folder, "training.png"), second)
        run_folder.finish(folder)
    return 0


def main(argv=None):
    run = flags.parse(argv, __doc__)
    if torchrun.number():
        sys.stdout = open(os.devnull, "w")  # one voice is enough; errors still come from every process
    cli.print_settings(run)
    folder = run.out or load.name_of(run.model)
    rows = load_rows(run)
    train_rows, _, test_rows = rows
    if os.path.isdir(run.model) and os.path.realpath(folder) == os.path.realpath(run.model):
        raise cli.UserError(f"{folder} holds the model itself: give the run a folder of its own with --out")
    settings = flags.settings_of(run, train_rows, folder)
    run_folder.check(folder, settings)
    code = 0
    finished = run_folder.is_finished(folder)
    if finished and (not run.beside or evaluate.asked_before(run.beside, folder)):
        print(f"{folder} is trained to the end: nothing to do")
    else:
        code = start(run, folder, settings, rows, finished)
    if code == 0 and torchrun.number() == 0:
        run_folder.print_tables(folder)
        print(f"\ntrain: {len(train_rows)}\ntest: {len(test_rows)}\nout: {folder}")
    return code


def start(run, folder, settings, rows, finished):
    """Load everything that can fail, then write the run's files, and train; returns the exit code.

    finished: the run is trained to the end, and only the student beside it is asked.
    """
    # before what takes seconds to import: from here on a signal is heard. Where nothing is trained, it ends the script
    stop = None if finished else callbacks.Stop(run.stop_file)
    device.choose(run.device)
    if not finished:
        settings["dtype"] = device.precision(run.dtype)

    import torch
    import transformers

    # what can fail: the machine, the embedding model, the student
    if torch.cuda.device_count() > 1 and "LOCAL_RANK" not in os.environ:
        raise cli.UserError("several GPUs: run it with torchrun, as go.slurm does, or set CUDA_VISIBLE_DEVICES=0")
    if run.report_to == "tensorboard" and not transformers.integrations.is_tensorboard_available():
        raise cli.UserError("--report-to tensorboard needs its writer: pip install tensorboard")
    train_rows, _, test_rows = rows
    scorer = similarity.Scorer(run.embedder, run.nli)
    settings["nli_model"] = scorer.nli_name  # a run whose NLI model came or went would mix two kinds of scores
    run_folder.check(folder, settings)
    loaded = None if finished else load_student(run, run.model)
    if loaded:
        settings[load.FINGERPRINT] = load.fingerprint(loaded[0])
        run_folder.check(folder, settings)
    else:
        settings = {**disk.read_json(os.path.join(folder, "training.json"), "the same command"), **settings}

    # from here on the folder is ours
    with run_folder.hold(folder) if torchrun.number() == 0 else contextlib.nullcontext():
        if torchrun.number() == 0:
            disk.write_json(os.path.join(folder, "training.json"), settings)
            pair.write(os.path.join(folder, "test_rows.jsonl"), test_rows)
            evaluate.evaluate_baselines(run, folder, train_rows, test_rows, scorer)
        if finished:
            return 0
        transformers.set_seed(run.seed)  # the adapter's start
        code = train_to_the_end(run, folder, *loaded, rows, scorer, stop)
        torchrun.leave()
        torchrun.ignore_signals()
        return code


if __name__ == "__main__":
    cli.run(main)
