"""A data.jsonl in shards, made and asked about side by side: shard 2/8 of data.jsonl is data-2-of-8.jsonl, beside it.

Each is a file of rows of its own, which every stage takes by --data; `ou_process.py --merge` checks and joins them.
"""

import glob
import re

from llm_ts import cli

NAME = re.compile(r"-(\d+)-of-(\d+)\.jsonl$")


def path_of(path, shard):
    """ "data.jsonl", (2, 8) -> "data-2-of-8.jsonl"."""
    return f"{path.removesuffix('.jsonl')}-{shard[0]}-of-{shard[1]}.jsonl"


def share_of(count, shard):
    """The numbers of a shard among 0 .. count - 1, a range: share_of(10, (1, 3)) -> range(3, 6)."""
    number, parts = shard
    return range(count * number // parts, count * (number + 1) // parts)


def find(path):
    """{(number, count): path} of all shards of a file, in order. UserError if one is missing, or if sets are mixed."""
    found = {}
    for name in glob.glob(f"{glob.escape(path.removesuffix('.jsonl'))}-*-of-*.jsonl"):
        if (part := NAME.search(name)) and name == path_of(path, shard := (int(part[1]), int(part[2]))):
            found[shard] = name
    if not found:
        raise cli.UserError(f"no shards of {path} here: run ou_process.py --shard 0/2, then --shard 1/2")
    counts = sorted({count for _, count in found})
    if len(counts) > 1:
        raise cli.UserError(f"shards of {' and of '.join(map(str, counts))} are here: remove those that are not meant")
    for number in range(counts[0]):
        if (number, counts[0]) not in found:
            raise cli.UserError(f"shard {number}/{counts[0]} is missing: make it, it is {path_of(path, (number, counts[0]))}")
    return dict(sorted(found.items()))
