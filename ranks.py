"""Several processes of one training (torchrun, Slurm): who am I, wait for all, gather, agree. One process: no cost.

Reads: RANK and WORLD_SIZE, which torchrun sets. Writes: nothing.
Run: no command of its own; qwen_train.py and evaluation.py share their work out through this module.
"""

import os


def rank():
    """This process's number, 0 to world() - 1; rank 0 alone writes files."""
    return int(os.environ.get("RANK", 0))


def world():
    """The number of processes."""
    return int(os.environ.get("WORLD_SIZE", 1))


def barrier():
    """Wait until every process is here."""
    if world() > 1:
        import torch

        torch.distributed.barrier()


def gather(values):
    """Each process's list -> one list of lists, in order of rank, the same in every process."""
    if world() == 1:
        return [values]
    import torch

    gathered = [None] * world()
    torch.distributed.all_gather_object(gathered, values)
    return gathered


def first(value):
    """What process 0 has, in every process: where all must decide alike about files, which they may not see alike yet."""
    return gather(value)[0]


def any_of(flag):
    """Whether the flag is true in any process, the same answer in every process."""
    return any(gather(bool(flag))) if world() > 1 else bool(flag)
