"""The days on record: the line of the ledger and the files of each, read back and verified.

    <production>/forecasts/<day>-<release>.parquet, .csv   all days ahead, for who acts on it
    <production>/forecasts/newest.parquet, newest.csv      copies of the newest of these
    <production>/live/<day>-<release>.rivals.parquet       one day ahead, by its rivals
    <production>/live/<day>-<release>.outcomes.parquet     what came after the day before on record
    <production>/live/<day>-<release>.together.parquet     of many days before it what is held
                                                           against what came, to be read at once

But for the newest, a file is written once, whole, and never again; the ledger has a line for each
day with the digests, and that line's time is when it was written.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pricewright.files.disk import file_sha256, read_regular, sha256
from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import NEVER
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import LEDGER, Entry, state_of

if TYPE_CHECKING:
    import pyarrow as pa

EVENT = "forecast"
"""What the ledger calls a day's line."""

PRODUCTION, FORECASTS, LIVE = "production", "forecasts", "live"

RIVALS, OUTCOMES, TOGETHER = ".rivals.parquet", ".outcomes.parquet", ".together.parquet"
"""What the names of a day's files in LIVE end in."""

RELEASE, OUTCOME = "release", "outcome"
"""Whose a row is: the release's forecast, or what came after the day before; else a rival's."""

EARLIER = 3
"""So many releases before the one in production are held against what came as well."""


@dataclass(frozen=True)
class Day:
    """A day of the record: its line of the ledger. folder: `production`."""

    entry: Entry
    folder: Path

    @property
    def release(self) -> str:
        return str(self.entry.fields["release"])

    @property
    def date(self) -> str:
        return str(self.entry.fields["date"])

    @property
    def late(self) -> bool:
        """Whether it was written down when what it forecasts could be known: it never counts."""
        return bool(self.entry.fields["late"])

    @property
    def oldest(self) -> int:
        """The day, since 1970-01-01, of the oldest price that its forecasts are made from; the
        first of all if its line does not say."""
        said = self.entry.fields.get("oldest")
        return -NEVER if said is None else int(np.datetime64(said, "D").astype(np.int64))

    def files(self) -> Mapping[str, str]:
        """The SHA-256 of each file, by its path in `production`."""
        found: Mapping[str, str] = self.entry.fields["files"]
        return found

    def has(self, ending: str) -> bool:
        """Whether it has a file whose name ends so."""
        return any(name.endswith(ending) for name in self.files())

    def table(self, ending: str) -> "pa.Table | None":
        """One of its files; None for one that this day has not. Raises what `content` raises."""
        import pyarrow.parquet

        for name in self.files():
            if name.endswith(ending):
                file = pyarrow.parquet.ParquetFile(BytesIO(self.content(name)))
                return file.read(use_threads=False)  # for small ones, threads take longer
        return None

    def forecasts(self) -> "pa.Table":
        """What was forecast, one day ahead. Raises what `content` raises."""
        import pyarrow.compute

        table = self.table(f"{self.release[:12]}.parquet")
        assert table is not None
        return table.filter(pyarrow.compute.equal(table["days_ahead"], 1))

    def rows(self) -> "pa.Table":
        """What of its files is held against what came, a row a symbol and `of` whom: RELEASE, one
        day ahead, a rival or OUTCOME; with its `day` and the columns of that file.

        Raises what `content` raises.
        """
        import pyarrow as pa

        made = self.forecasts().drop_columns(["release", "days_ahead", "point"])
        tables = [_beside(made, "of", RELEASE)]
        if rivals := self.table(RIVALS):
            tables.append(rivals.rename_columns(["of", *rivals.column_names[1:]]))
        if outcomes := self.table(OUTCOMES):
            tables.append(_beside(outcomes, "of", OUTCOME))
        return _beside(pa.concat_tables(tables, promote_options="default"), "day", self.date)

    def content(self, name: str) -> bytes:
        """A file by its path in `production`; raises Refusal if it is not what was written down."""
        path = self.folder / name
        try:
            content = read_regular(path)
        except FileNotFoundError:
            raise Refusal(
                f"{path}: is not there, but line {self.entry.sequence} of the ledger has it; put "
                "it back from a backup."
            ) from None
        if sha256(content) != self.files()[name]:
            raise Refusal(
                f"{path}: was changed after it was written down; put back the file as it was."
            )
        return content

    def copies(self) -> dict[str, Path]:
        """The files that are copies of its forecasts while it is the newest day, by the path in
        `production` of what they are copies of."""
        made = [Path(name) for name in self.files() if name.startswith(FORECASTS)]
        return {str(name): self.folder / FORECASTS / f"newest{name.suffix}" for name in made}

    def problems(self) -> Iterator[str]:
        """What is wrong with its files, in sentences."""
        for name in self.files():
            try:
                self.content(name)
            except Refusal as refusal:
                yield str(refusal)


def _beside(table: "pa.Table", name: str, text: str) -> "pa.Table":
    """A table with one column more, which has the same text in all rows."""
    import pyarrow as pa

    return table.append_column(name, pa.repeat(text, len(table)))


def days(
    root: Path, release: str | None = None, entries: Iterable[Entry] | None = None
) -> list[Day]:
    """Every day that is on record, in order; of a release, or of all.

    entries: the lines of the ledger, where they were read already.
    """
    if entries is None:
        entries = ledger.read(Path(root, LEDGER))
    found = (Day(entry, Path(root, PRODUCTION)) for entry in entries if entry.event == EVENT)
    return [day for day in found if release in (None, day.release)]


def releases_shown(every: Iterable[Day], release: str) -> dict[str, list[Day]]:
    """The days on record of the releases before this one that are shown, the oldest first, and then
    of this one."""
    of: dict[str, list[Day]] = {}
    for day in every:
        of.setdefault(day.release, []).append(day)
    own = of.pop(release, [])
    return dict(list(of.items())[-EARLIER:]) | {release: own}


def not_together(own: Sequence[Day]) -> list[Day]:
    """The last days of a release whose rows no file has together yet; own: all of its days."""
    first = max((row for row, day in enumerate(own) if day.has(TOGETHER)), default=0)
    return list(own[first:])


def read_rows(own: Sequence[Day]) -> Iterator["pa.Table"]:
    """The `rows` of all days of a release, of many days in one table where a file has them so.

    Every file of these days is held against the ledger first, whether it is needed or not. Raises
    Refusal if one is not what was written down.
    """
    problems = [problem for day in own for problem in day.problems()]
    if problems:
        more = f" (and {len(problems) - 1} more, which `pricewright verify` names)"
        raise Refusal(problems[0].removesuffix(".") + more * (len(problems) > 1) + ".")
    for day in own:
        if (together := day.table(TOGETHER)) is not None:
            yield together
    if single := not_together(own):
        yield rows_together(single)


def rows_together(some: Sequence[Day]) -> "pa.Table":
    """The `rows` of some days, one below the other. Raises what `content` raises."""
    import pyarrow as pa

    return pa.concat_tables([day.rows() for day in some], promote_options="default")


def newest_day(some: Sequence[Day]) -> Day:
    """The day of the newest date; of several, as of two releases, the one written down last."""
    return max(some, key=lambda day: (day.date, day.entry.sequence))


def verify_record(root: Path) -> list[str]:
    """What is wrong with the record of forecasts, in sentences; none if nothing is.

    Each file is as its line of the ledger has it, the newest forecasts are a copy of a day's, and
    there is no file beside these.
    """
    entries = ledger.read(Path(root, LEDGER))
    every = days(root, entries=entries)
    problems = [problem for day in every for problem in day.problems()]
    known = {name for day in every for name in day.files()}
    if every:
        release = state_of(entries).release
        newest = newest_day([day for day in every if day.release == release] or every)
        last = every[-1].files()  # after a rollback that could not forecast, of the release before
        for name, copy in newest.copies().items():
            known.add(f"{FORECASTS}/{copy.name}")
            right = {newest.files()[name], *last.values()}
            if not (copy.is_file() and file_sha256(copy) in right):
                problems.append(
                    f"{copy}: is not the copy of {newest.folder / name} that it should be; copy "
                    "that file to it."
                )
    return problems + list(_unknown_files(Path(root, PRODUCTION), known))


def _unknown_files(production: Path, known: Collection[str]) -> Iterator[str]:
    """Of the files of the record that no line of the ledger has, a sentence for each folder."""
    for folder in (FORECASTS, LIVE):
        there = sorted(path.name for path in (production / folder).glob("[!.]*"))
        unknown = [name for name in there if f"{folder}/{name}" not in known]
        if unknown:
            more = f" and {len(unknown) - 1} more there" * (len(unknown) > 1)
            yield (
                f"{production / folder / unknown[0]}{more}: not in the ledger, so nothing shows "
                "when it was written; a run that was killed may have left it for the next one: if "
                "that does not put it on record, remove it, or put back the ledger if lines of it "
                "were lost."
            )
