"""When a worker may send the next request: one pace for all, learnt from the server's refusals."""

import asyncio
import random
import time

BACKOFF = 1.0  # seconds of silence after a refusal, doubled with each that follows
LONGEST_WAIT = 60.0  # seconds; a longer Retry-After is cut to it
SLOWEST = 10.0  # seconds between two requests, at most, that refusals lead to
EASE = 0.9  # after an answer, so much of the interval is left


class Pace:
    """Workers wait for their `turn`, and report each request as refused or answered."""

    def __init__(self):
        self.answers = 0
        self._interval = self._free = self._slowed = 0.0
        self._refusals = 0  # since the last answer

    async def turn(self):
        while (wait := self._free - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        self._free = time.monotonic() + self._interval

    def refused(self, retry_after=0.0):
        """Everybody waits, for `retry_after` seconds or longer. Returns for how long."""
        wait = max(BACKOFF * 2 ** min(self._refusals, 30), retry_after)
        wait = min(wait * random.uniform(1, 1.5), LONGEST_WAIT)
        now = time.monotonic()
        if now >= self._slowed:  # the refusals of requests that were sent together count as one
            self._refusals += 1
            self._interval = min(max(2 * self._interval, BACKOFF / 8), SLOWEST)
            self._slowed = now + wait
        self._free = max(self._free, now + wait)
        return wait

    def answered(self):
        self.answers += 1
        self._refusals = 0
        self._interval *= EASE

    def free(self):
        """The refusals were one row's own: nobody need wait for them."""
        self._interval = self._free = 0.0
