"""Simulate a year at a desk, day by day: `make bench-year`.

Models are scored daily, and signed and released by month. The year has missed days, a late day, a
restatement, a change of the vendor's format, a volatility that doubles in month 7, and processes
killed at random instants. Prints what was noticed when, and whether all records are intact at the
end.
"""

import logging
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from desk import SYMBOLS, Desk, prices

from people import NAMES, make_key
from pricewright.files.errors import Refusal
from pricewright.monitoring.record_days import days, verify_record
from pricewright.releases.history import verify_releases
from pricewright.signoffs import ledger

ROOT = Path(__file__).resolve().parents[1]
FIRST, YEAR = 300, 252
MISSED, LATE, FORMAT, RESTATED, DOUBLES = (31, 32, 90), 120, 75, 60, 147
KILLED = 0.15
"""The share of days on which a run is killed before it is run again."""


def main() -> None:
    """Run the year and print what happened."""
    logging.disable(logging.CRITICAL)
    begun, moments, kills = time.perf_counter(), random.Random(3), 0
    with tempfile.TemporaryDirectory() as folder:
        keys = {name: make_key(Path(folder) / "keys", name) for name in NAMES}
        desk = Desk(Path(folder) / "desk", keys, ROOT / "workflow/scripts/train_or_score.py")
        rows = prices(FIRST + YEAR, doubles=FIRST + DOUBLES)
        desk.run(rows[: FIRST * len(SYMBOLS)])
        desk.release()
        colour = "green"
        for day in range(1, YEAR):
            if day in MISSED:
                continue
            if day == RESTATED:
                rows[(FIRST + 40) * len(SYMBOLS)]["close"] *= 1.002
            delivered = rows[: (FIRST + day) * len(SYMBOLS)]
            if day == FORMAT:
                try_format(desk, delivered)
            if moments.random() < KILLED:
                kill(desk, delivered, moments.uniform(0.02, 0.5))
                kills += 1
            desk.run(delivered, wait=6 if day == LATE else 0)
            assert desk.found
            if desk.found["colour"] != colour:
                colour = desk.found["colour"]
                print(f"day {day}: {colour} {'; '.join(desk.found['reasons'])}", flush=True)
            if desk.modes[-1][1] == "train":
                print(f"day {day}: trained, for {desk.modes[-1][2]}; people release it", flush=True)
                desk.release()
        problems = [*verify_record(desk.root), *verify_releases(desk.root)]
        problems += ledger.verify(desk.root / "ledger")
        found = days(desk.root)
        assert len({(day.date, day.release) for day in found}) == len(found)
        late = sum(day.late for day in found)
        print(f"{kills} kills; {len(found)} days on record, {late} late; problems: {problems}")
    print(f"{time.perf_counter() - begun:.0f} s in all")


def try_format(desk: Desk, rows: list[dict[str, object]]) -> None:
    """Deliver prices with a decimal comma, as after a vendor's change of format."""
    try:
        desk.run([row | {"close": str(row["close"]).replace(".", ",")} for row in rows])
    except Refusal as refusal:
        print(f"day {FORMAT}: refused: {refusal}", flush=True)


def kill(desk: Desk, rows: list[dict[str, object]], after: float) -> None:
    """Start a day's run and kill it."""
    child = os.fork()
    if not child:
        os.setsid()
        desk.run(rows)
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
