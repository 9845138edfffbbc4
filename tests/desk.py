"""A desk that runs the workflow every evening for months, by a clock that a test sets."""

import contextlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from conftest import as_csv
from deploy import deploy
from people import Office
from pricewright.configuration.config import (
    clean_options,
    complete,
    ingest_options,
    monitor_options,
    training_options,
)
from pricewright.files.disk import sha256
from pricewright.files.provenance import code_digest
from pricewright.forecasting.settings import WatchLimits
from pricewright.monitoring.record import facts_of_day, record_day
from pricewright.monitoring.record_days import days
from pricewright.monitoring.watch import watch
from pricewright.releases.evidence import Origin
from pricewright.releases.models import record_training
from pricewright.releases.release import release
from pricewright.reporting.text import ReportOptions
from pricewright.signoffs import ledger
from pricewright.signoffs.signed_files import GATES, MODEL, PAGE, digests, read_covered
from pricewright.tables.options import make
from report import report
from step_functions import clean, ingest, train_or_score

SYMBOLS = ("A", "B", "C")


def prices(count: int, *, first: str = "2024-01-01", seed: int = 1, doubles: int | None = None):
    """Rows of a market on working days; its volatility doubles on the day `doubles`, if given."""
    random = np.random.default_rng(seed)
    moves = random.normal(0, 0.01, (count, len(SYMBOLS)))
    if doubles is not None:
        moves[doubles:] *= 2
    levels = np.round(50 * np.exp(np.cumsum(moves, axis=0)), 4)
    dates = np.busday_offset(first, np.arange(count), roll="forward").astype(str)
    return [
        {"date": day, "symbol": symbol, "close": float(levels[row, column]), "volume": 1000}
        for row, day in enumerate(dates)
        for column, symbol in enumerate(SYMBOLS)
    ]


class Desk(Office):
    """An office in mode auto that runs the steps as the rules do, and a monitor."""

    def __init__(self, root: Path, keys: dict[str, Path], code: Path, **config: Any) -> None:
        super().__init__(root, keys)
        self.config: dict[str, Any] = {
            "mode": "auto",
            "source": {"uri": "data/prices.csv"},
            "model": {"price": "close", "horizon": 3, "min_history": 40, "calibration": 100},
            "evaluation": {"origins": 20},
            "accept": {"allow_unaccepted": True},
            "report": {"title": "Desk"},
        } | config
        complete(self.config)
        self.config["signoffs"] = self.signoffs
        self.allow_unaccepted = True
        self.script = code
        self.found: dict[str, Any] | None = None
        self.modes: list[tuple[str, str, str]] = []
        for name in GATES["deploy"]:
            (root / name).unlink()

    def run(self, rows: Sequence[dict[str, Any]], *, hour: int = 20, wait: int = 0) -> None:
        """Do what a run does with a delivery, on the evening of its newest day or `wait` days
        later."""
        newest = max(row["date"] for row in rows)
        self.now = datetime.fromisoformat(newest).replace(hour=hour, tzinfo=UTC)
        self.now += timedelta(days=wait)
        config, results = self.config, Path("results")
        with contextlib.chdir(self.root):
            Path("data").mkdir(exist_ok=True)
            Path("data/prices.csv").write_text(as_csv(list(rows)))
            raw, table = results / "prices_raw.json", results / "prices_clean.json"
            receipts = [results / "ingest.json", results / "clean.json"]
            options = ingest_options(config) | {"last_day": date.fromisoformat(newest)}
            ingest(
                output=raw,
                receipt=receipts[0],
                quarantine=results / "quarantine.json",
                restatements=results / "restatements.json",
                **options,
            )
            quality = results / "data_quality.json"
            clean(raw, table, receipt=receipts[1], quality=quality, **clean_options(config))
            self._watch(table, [*receipts, quality])
            train_or_score(
                table,
                Path(MODEL),
                receipts=receipts,
                watch=results / "monitor.json",
                **training_options(config),
            )
            model = orjson.loads(Path(MODEL).read_bytes())
            self.modes.append((newest, model["mode"], model["why"]))
            record_training(
                Path(), Path(MODEL), model, author="author", keep_models=10, clock=self.clock
            )
            layout = make(ReportOptions, config["report"])
            report(Path(MODEL), results / "report.txt", layout=layout, allow_unaccepted=True)
            Path(PAGE).write_text(f"<html>{digests({'x': Path(MODEL).read_bytes()})}</html>\n")
            deploy(
                results / "report.txt",
                results / "deployed_model.json",
                allow_unaccepted=True,
                project=Path(),
            )

    def _watch(self, table: Path, receipts: Sequence[Path]) -> None:
        options = monitor_options(self.config)
        facts, root = facts_of_day(receipts), Path()
        recorded = record_day(root, table, **facts, author="author", clock=self.clock)
        if recorded:
            model = Path("production/current/model.json").read_bytes()
            self.found = watch(root, recorded, make(WatchLimits, options), orjson.loads(model))
            found = self.found | {"release": recorded.release, "model": sha256(model)}
            Path("results/monitor.json").write_bytes(orjson.dumps(found))

    def release(self) -> str:
        """Have the reviewer sign for the candidate, and release it."""
        self.wait(minutes=5)
        for gate in GATES:
            self.sign("reviewer", gate)
        self.wait(minutes=5)
        origin = Origin(self.config, self.script.parents[1], code_digest(self.script))
        digest = release(self.root, origin, self.clock)
        table = self.root / "results/prices_clean.json"
        record_day(self.root, table, author="author", clock=self.clock)
        return digest

    def covered(self) -> dict[str, bytes]:
        """The files that people sign: the candidate's, once there is one."""
        folder = Path("production/candidate")
        return read_covered(self.root, folder if (self.root / folder).exists() else None)

    def on_record(self) -> list[str]:
        return [day.date for day in days(self.root)]

    def events(self) -> list[str]:
        return [entry.event for entry in ledger.read(self.root / "ledger")]
