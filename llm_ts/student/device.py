"""Which device a script computes on: the GPU where there is one.

If a GPU was requested and torch sees none, stop; do not use the CPU silently.
"""

import multiprocessing
import os
import sys

from llm_ts.base import cli, torchrun

LOADERS = 12  # processes, at most
BF16 = ("amx_bf16", "avx512_bf16", "bf16")  # instructions of CPUs, by the names of torch.cpu.get_capabilities()


def add_flag(parser):
    parser.add_argument(
        "--device", choices=("auto", "cpu"), default="auto", help="auto: the GPU, where there is one; cpu: never a GPU."
    )


def choose(wanted="auto"):
    """ "cuda" or "cpu". wanted: "cpu" hides every GPU from this process, before torch is asked for one.

    UserError where a GPU was requested that torch does not see, and where several processes would share one.
    """
    if wanted == "cpu":
        os.environ.update(CUDA_VISIBLE_DEVICES="-1", HIP_VISIBLE_DEVICES="-1")
    import torch

    if torch.cuda.is_available():
        own, seen = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
        if own >= seen:
            raise cli.UserError(f"process {own} of this node has no GPU of its own: torch sees {seen}")
        return "cuda"
    # what says that Slurm gave this job GPUs, or that one is to be seen; and what of it says nothing
    nothing = {"SLURM_GPUS_ON_NODE": ("", "0"), "CUDA_VISIBLE_DEVICES": ("", "-1", "NoDevFiles")}
    values = {name: os.environ.get(name, "").strip() for name in nothing}
    reasons = [f"{name}={value}" for name, value in values.items() if value not in nothing[name]]
    if wanted != "cpu" and reasons:
        raise cli.UserError(
            f"a GPU was requested ({', '.join(reasons)}), and torch {torch.__version__} sees none: mend the job or the "
            "installation, or give --device cpu"
        )
    return "cpu"


def precision(wanted="auto"):
    """ "bf16" or "fp32", what to compute in. wanted: one of them, or "auto", what is quicker here.

    That is bf16 on any GPU, and on a CPU with instructions for it. A CPU without them turns each number into fp32 and back: its
    trainings take three times as long in bf16 as in fp32 (results/LOG.md).
    """
    if wanted != "auto":
        return wanted
    import torch

    if torch.cuda.is_available():
        return "bf16"
    can = getattr(torch.cpu, "get_capabilities", dict)()  # torch of before has it not
    return "bf16" if any(can.get(name, False) for name in BF16) else "fp32"


def dtype(wanted="auto"):
    """The torch dtype of `precision`."""
    import torch

    return {"bf16": torch.bfloat16, "fp32": torch.float32}[precision(wanted)]


def loaders():
    """How many processes draw plots for a GPU, so that it need not wait; each of torchrun's processes has as many.

    0 on a CPU, and where processes cannot be forked: on Windows, and on macOS, whose own libraries may fail in a fork.
    """
    import torch

    forks = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    return max(1, min(LOADERS, torchrun.cores() - 1)) if torch.cuda.is_available() and forks else 0


def apart(loader):
    """A DataLoader whose processes ignore the signals that Slurm sends to all of a job: only the training acts on them.

    They end when it tells them to, or when it is gone.
    """
    plain = getattr(loader, "base_dataloader", loader)  # which Accelerate's loader asks
    if not plain.num_workers:
        return loader
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # where it is "true", a forked tokenizer waits for threads that are not there
    begin = plain.worker_init_fn

    def begin_apart(number):
        begin(number)
        torchrun.ignore_signals()

    plain.worker_init_fn = begin_apart
    return loader


class LoadsApart:
    """For a Trainer, before it in the list of bases: the processes of its DataLoader ignore the signals of `apart`."""

    def get_train_dataloader(self):
        return apart(super().get_train_dataloader())
