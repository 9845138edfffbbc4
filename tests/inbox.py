"""A folder to which a source delivers, and the intake from it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from deliveries import HEAD, NAMES, rows
from pricewright.intake.archive import Archive, Mode
from pricewright.intake.deliveries import save_snapshot
from pricewright.intake.intake import Intake, IntakeTerms, take_in
from pricewright.intake.reading.content import Content
from pricewright.intake.reading.delivery import Reading, read_delivery
from pricewright.intake.reading.dialect import Dialect, Limits
from pricewright.intake.sources.items import local_files
from pricewright.tables.prices import write_prices

TERMS = IntakeTerms(
    dialect=Dialect(columns=NAMES),
    mode="whole",
    max_shrink=0.5,
    max_quarantined=1.0,
    limits=Limits(),
    last_day=None,
    threads=1,
    code=lambda: "code",
)
TODAY = date(2024, 6, 1)
OWN_HEAD = "Date,Close,Volume\n"
"""The header of a file without a symbol column."""
OWN = "".join(f"2024-01-{day:02},{day},1\n" for day in range(1, 11))


class Inbox:
    """The folder `in`, and the archive of its deliveries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = Archive(folder / "received", "in")
        self.uri = "in"

    def deliver(self, text: str, name: str = "prices.csv", head: str = HEAD) -> None:
        path = self.folder / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + text)

    def take(self, mode: Mode = "whole", today: date = TODAY, **terms: Any) -> Intake:
        return take_in(
            local_files(self.uri), self.archive, replace(TERMS, mode=mode, **terms), today
        )

    @property
    def snapshot(self) -> Path:
        """The folder of the snapshot."""
        return self.archive.history / "snapshot"

    def save(self, taken: Intake, checkpoint: str = "prices.parquet") -> Path:
        """Write the prices and keep a snapshot, as the step does; returns the prices' path."""
        output = self.folder / checkpoint
        sha256 = write_prices(output, taken.state.prices)
        save_snapshot(self.snapshot, taken.key(), taken.snapshot, output, sha256)
        return output


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    monkeypatch.chdir(tmp_path)
    return Inbox(tmp_path)


@pytest.fixture
def files_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The places of the deliveries that are read, in order."""
    found: list[str] = []

    def read(content: Content, *rest: Any) -> Reading:
        found.append(content.name)
        return read_delivery(content, *rest)

    monkeypatch.setattr("pricewright.intake.intake.read_delivery", read)
    return found


def closes(taken: Intake) -> Mapping[tuple[str, str], float | None]:
    return {(row["symbol"], row["date"]): row["close"] for row in rows(taken.state.prices)}
