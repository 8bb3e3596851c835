"""Work on many pieces by all cores, its results in the order of the pieces: the same whatever the number of processes."""

import multiprocessing
import os
import signal
import sys
import traceback

from llm_ts import cli


def cores():
    """How many processes this one may run side by side; the processes of a torchrun share a machine's cores."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, there // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


def forks():
    """Whether processes may be forked here: Windows cannot, and on macOS its own libraries may fail in a fork."""
    return "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"


def in_order(work, pieces, let_go=()):
    """Yield work(piece) for each piece of a sequence, in order; by forked processes side by side where there are several.

    Each process takes every n-th piece and waits until its result is fetched, so that few results are held at a time.
    let_go: open files that the processes shall not hold: locks end with the process that began. What work raises is raised
    here; Ctrl-C is this process's alone; the others end with it, whatever ended it.
    """
    count = min(cores(), len(pieces))
    if count < 2 or not forks():
        yield from map(work, pieces)
        return
    context = multiprocessing.get_context("fork")
    pipes, children = [], []
    try:
        for number in range(count):
            ours, theirs = context.Pipe(duplex=False)
            pipes.append(ours)
            child = context.Process(target=_serve, args=(work, pieces[number::count], theirs, [*pipes, *let_go]), daemon=True)
            child.start()
            children.append(child)
            theirs.close()
        for number in range(len(pieces)):
            try:
                error, result = pipes[number % count].recv()
            except EOFError:
                raise cli.UserError("a process of this run was killed, by hand or for want of memory: run it again") from None
            if error:
                raise error
            yield result
    finally:
        for pipe in pipes:
            pipe.close()
        for child in children:
            child.terminate()
            child.join()


def _serve(work, pieces, pipe, let_go):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for file in let_go:
        os.close(file.fileno())  # not file.close(): what it may have left to write is for the first process to write
    for piece in pieces:
        try:
            result = None, work(piece)
        except Exception as error:
            error.add_note(traceback.format_exc())  # where it was: the traceback itself does not travel
            result = error, None
        try:
            pipe.send(result)
        except BrokenPipeError:  # nobody is there any more
            os._exit(0)
        if result[0]:
            return
