"""Several processes of one training (torchrun, Slurm): who am I, wait for all, gather, agree. One process: no cost.

RANK and WORLD_SIZE are set by torchrun. "Process" is its word for one of them; LoRA's rank is something else. Slurm
sends its signals to all of them.
"""

import contextlib
import itertools
import os
import signal
import socket

SIGNALS = ("SIGTERM", "SIGUSR1", "SIGINT")  # that ask a training to save and stop
PORTS = range(10000, 32768)  # from 32768 on, Linux gives them to whoever connects


def number():
    """This process's number (its RANK), 0 to count() - 1; number 0 alone writes files."""
    return int(os.environ.get("RANK", 0))


def count():
    """The number of processes."""
    return int(os.environ.get("WORLD_SIZE", 1))


def cores():
    """How many processes this one may run side by side: the processes of a torchrun share a machine's cores."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


def free_port(first):
    """The first free port from a number on, among those that the system gives to nobody by itself."""
    for port in itertools.chain(range(first, PORTS.stop), range(PORTS.start, first)):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("", port))
            return port
    raise OSError(f"no port is free from {PORTS.start} to {PORTS.stop}")


def ignore_signals():
    """After a training: a late signal would kill Python while it ends, and its work would count as failed."""
    for name in SIGNALS:
        signal.signal(getattr(signal, name), signal.SIG_IGN)


def barrier():
    """Wait until every process is here."""
    if count() > 1:
        import torch

        torch.distributed.barrier()


def leave():
    """Leave the group at the end: its running threads may abort a process that ends."""
    if count() > 1:
        import torch

        if torch.distributed.is_initialized():
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()


def gather(values):
    """Each process's list -> one list of lists, in order of their numbers, the same in every process."""
    if count() == 1:
        return [values]
    import torch

    gathered = [None] * count()
    torch.distributed.all_gather_object(gathered, values)
    return gathered


def first(value):
    """The value of process 0, in every process: all must decide alike, though they may see files at different times."""
    return gather(value)[0]


def any_of(flag):
    """Whether the flag is true in any process, the same answer in every process."""
    return any(gather(bool(flag))) if count() > 1 else bool(flag)
