"""How far a step is: a line of its log, now and then, while much is to be done."""

import threading
import time
from collections.abc import Callable

from pricewright.journal import say

SECONDS = 1.0
"""Between two lines, at least; what is done within the first is no long work."""

SHARE = 0.01
"""Of all there is to do, between two lines, at least: so a log has a hundred of them at most."""


class Progress:
    """Counts what is done, from any thread, and says so in lines that begin with `progress`.

    unit: what is counted, in the plural: `rows`, `symbols`.  total: of how many, if it is known.
    doing: what is done with them, if a step does several things in turn.
    """

    def __init__(
        self,
        unit: str,
        total: int | None = None,
        doing: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._unit, self._total, self._clock = unit, total, clock
        self._named = {"doing": doing} if doing else {}
        self._lock = threading.Lock()
        self._began = self._said_at = clock()
        self._done, self._share, self._said = 0, None if total is None else 0.0, 0.0

    def reached(self, share: float) -> None:
        """Which share of all is done, where the total is not known; never less than before."""
        with self._lock:
            self._share = max(self._share or 0.0, min(share, 1.0))

    def advance(self, count: int) -> None:
        """So many more are done."""
        with self._lock:
            self._done += count
            if self._total:
                self._share = self._done / self._total
            share, now = self._share, self._clock()
            reached = float(self._done) if share is None else share
            # with no end in sight, a line for each twentieth more
            least = 0.05 * self._said if share is None else SHARE
            if now - self._said_at >= SECONDS and reached - self._said >= least:
                self._said, self._said_at = reached, now
                self._say(now - self._began)

    def _say(self, seconds: float) -> None:
        fields: dict[str, object] = self._named | {self._unit: self._done}
        if self._total is not None:
            fields["of"] = self._total
        if self._share is not None:
            fields["share"] = f"{self._share:.3f}"
        say("progress", **fields, seconds=f"{seconds:.1f}")
