"""How many processes may run side by side, and whether they may be forked."""

import multiprocessing
import os
import sys


def cores():
    """How many processes this one may run side by side; torchrun's processes share the cores."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, there // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


def forks():
    """Whether processes may be forked here: Windows cannot, and on macOS its own libraries may fail in a fork."""
    return "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
