"""When the next request may be sent: one pace for all workers, with a rate limit and one back-off."""

import asyncio
import random
import time

BACKOFF = 1.0  # seconds of silence after a refusal, doubled with each that follows without an answer between
LONGEST_WAIT = 60.0  # seconds; a longer Retry-After is cut to it
SLOWEST = 10.0  # seconds between two requests, at most, that refusals lead to
EASE = 0.9  # after an answer, so much of the interval is left


class Pace:
    """Workers wait for their `turn`, and tell what became of the request: `refused` or `answered`.

    rate: requests a second, at most; None: no limit but the server's.
    """

    def __init__(self, rate=None):
        self.least = self.interval = 1 / rate if rate else 0.0
        self.answers = 0  # so far
        self._free = self._slowed = 0.0
        self._refusals = 0  # since the last answer

    async def turn(self):
        while (wait := self._free - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        self._free = time.monotonic() + self.interval

    def refused(self, asked=0.0):
        """The server had no answer, and asked to be left alone for so many seconds: everybody waits. Returns for how long."""
        wait = max(BACKOFF * 2 ** min(self._refusals, 30), asked)
        wait = min(wait * random.uniform(1, 1.5), LONGEST_WAIT)
        now = time.monotonic()
        if now >= self._slowed:  # the refusals of requests that were sent together count as one
            self._refusals += 1
            self.interval = min(max(2 * self.interval, BACKOFF / 8), max(SLOWEST, self.least))
            self._slowed = now + wait
        self._free = max(self._free, now + wait)
        return wait

    def answered(self):
        self.answers += 1
        self._refusals = 0
        self.interval = max(self.least, EASE * self.interval)
