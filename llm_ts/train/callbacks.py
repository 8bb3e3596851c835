"""What happens beside the steps of a training: what it says, and when it saves, is evaluated, and stops."""

import contextlib
import os
import signal
import time

from llm_ts.base import cli, torchrun
from llm_ts.train import run_folder


class Stop:
    """Whether the training was asked to save and stop: by SIGTERM, SIGUSR1 or SIGINT, or by a file that appeared.

    file: its path, or None. A signal makes that file too, so that whoever started the training knows why it stopped.
    A second SIGINT stops at once.
    """

    def __init__(self, file=None):
        self.file, self._signalled = file, False
        for name in torchrun.SIGNALS:
            signal.signal(getattr(signal, name), self._ask)

    def _ask(self, signum, frame):
        self._signalled = True
        # not print: the signal may have come amid one, which must not be entered again
        os.write(1, f"{signal.Signals(signum).name}: saving at the next step, then stopping\n".encode())
        if self.file:
            with contextlib.suppress(OSError):  # a full disk must not keep the training from trying to save
                open(self.file, "ab").close()
        if signum == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    @property
    def asked(self):
        return self._signalled or bool(self.file and os.path.exists(self.file))


class Limits:
    """When a training ends before its last step.

    patience: evaluations in a row that are no better than the best before them; minutes: of training and evaluating, all
    starts together; 0: without that limit.
    """

    def __init__(self, folder, patience=0, minutes=0.0):
        self.folder, self.patience, self.minutes = folder, patience, minutes
        self._before, self._start = run_folder.seconds(folder), time.monotonic()

    @property
    def seconds(self):
        """Of all starts, up to now; what came after the last save of a start that was killed does not count."""
        return self._before + time.monotonic() - self._start

    @property
    def time_is_up(self):
        return bool(self.minutes) and self.seconds >= 60 * self.minutes

    def reason(self):
        """Why the run as it lies in its folder is over before its last step; None where it is not."""
        if self.minutes and run_folder.seconds(self.folder) >= 60 * self.minutes:
            return f"{self.minutes:g} minutes are over"
        if self.patience and run_folder.stands_still(self.folder) >= self.patience:
            return f"{self.patience} evaluations were no better on the validation rows than one before"
        return None


def make(folder, after_save, stop, limits):
    """A list of one callback, which shows how far the training is, refuses weights that are no numbers, saves and stops at
    the next step once stop.asked or the time is up, calls after_save(model, step) after planned saves, and ends where
    limits do.
    """
    from transformers import TrainerCallback

    class Beside(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs):
            self.bar = cli.Progress("steps", state.max_steps, every=float("inf"))  # in a log, the losses say it
            self.bar.step(state.global_step)

        def on_step_end(self, args, state, control, model=None, **kwargs):
            self.bar.step()
            require_numbers(model, state.global_step)
            # it may be seen by one process a step before another
            if torchrun.any_of(stop.asked or limits.time_is_up):
                control.should_save = control.should_training_stop = True

        def on_log(self, args, state, control, logs=None, **kwargs):
            if logs and "loss" in logs and state.is_world_process_zero:
                cli.say(f"step {state.global_step} of {state.max_steps}: loss {float(logs['loss']):.4f}")

        def on_save(self, args, state, control, model=None, **kwargs):
            step = state.global_step
            torchrun.barrier()  # every process has written its part
            if state.is_world_process_zero:
                run_folder.mark_whole(os.path.join(folder, f"checkpoint-{step}"), step, limits.seconds)
            over = torchrun.first(limits.reason())
            # a save of the plan, not one that a signal asked for; all evaluate, or none: else they wait for each other
            planned = step % args.save_steps == 0 or step == state.max_steps
            if (over or planned) and not torchrun.any_of(stop.asked):
                after_save(model, step)
            if torchrun.first(limits.reason()):
                control.should_training_stop = True

        def on_train_end(self, args, state, control, **kwargs):
            self.bar.close()

    return [Beside()]


def require_numbers(model, step):
    """UserError where a weight that is trained is no number. step: after which."""
    import torch

    trained = [weight for weight in model.parameters() if weight.requires_grad]
    if not torch.stack([torch.isfinite(weight).all() for weight in trained]).all():
        refuse("the weights are", step)


def refuse(what, step):
    """UserError of a training that went wrong. what: "the loss is"; step: where it happened."""
    raise cli.UserError(
        f"{what} no number at step {step}: nothing of it was saved; give a lower --learning-rate and another --out "
        "(the model itself may be unsound too)"
    )
