"""The recorded days: the ledger line and the files of each, read back and verified.

    <production>/forecasts/<day>-<release>.parquet, .csv   all days ahead, for people to act on
    <production>/forecasts/newest.parquet, newest.csv      copies of the newest of these
    <production>/live/<day>-<release>.rivals.parquet       one day ahead, by the rivals
    <production>/live/<day>-<release>.outcomes.parquet     outcomes of the previous recorded day
    <production>/live/<day>-<release>.together.parquet     rows of many earlier days, in one file
                                                           that is faster to read

Except for the newest copies, a file is written once and never changed. The ledger has a line for
each day with the files' digests; the time of that line is the time of the record.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pricewright.files.clock import day_number
from pricewright.files.disk import file_sha256, read_regular, sha256
from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import NEVER
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import LEDGER, Entry, state_of

if TYPE_CHECKING:
    import pyarrow as pa

EVENT = "forecast"
"""The ledger's event name for a recorded day."""

PRODUCTION, FORECASTS, LIVE = "production", "forecasts", "live"

RIVALS, OUTCOMES, TOGETHER = ".rivals.parquet", ".outcomes.parquet", ".together.parquet"
"""The endings of a day's file names in LIVE."""

RELEASE, OUTCOME = "release", "outcome"
"""The kind of a row in the column `of`: the release's forecast, or an outcome of the previous day;
any other value names a rival."""

EARLIER = 3
"""How many releases before the one in production are also compared with the outcomes."""


@dataclass(frozen=True)
class Day:
    """A recorded day.  entry: its ledger line.  folder: `production`."""

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
        """Whether it was recorded when the day after its newest prices was over."""
        return bool(self.entry.fields["late"])

    @property
    def judged(self) -> bool:
        """Whether the outcomes decide which of its forecasts were in time. The lines of earlier
        versions do not say by which exchange; their mark `late` is for all forecasts."""
        return "exchange" in self.entry.fields

    @property
    def exchange(self) -> str | None:
        """The exchange whose sessions decide when an outcome could be known, if one was given."""
        found: str | None = self.entry.fields.get("exchange")
        return found

    @property
    def void(self) -> bool:
        """Whether no forecast of it counts, whatever the outcomes: its time is not to be trusted,
        or an earlier version marked it as late."""
        return bool(self.entry.fields["behind"]) if self.judged else self.late

    @property
    def oldest(self) -> int:
        """The day, since 1970-01-01, of the oldest last price behind its forecasts; -NEVER if its
        line, of an earlier version, does not say."""
        said = self.entry.fields.get("oldest")
        return -NEVER if said is None else day_number(date.fromisoformat(said))

    def files(self) -> Mapping[str, str]:
        """The SHA-256 of each file, by path within `production`."""
        found: Mapping[str, str] = self.entry.fields["files"]
        return found

    def has(self, ending: str) -> bool:
        """Whether it has a file with this ending."""
        return any(name.endswith(ending) for name in self.files())

    def table(self, ending: str) -> "pa.Table | None":
        """Its file with this ending; None if it has none. Raises what `content` raises."""
        import pyarrow.parquet

        for name in self.files():
            if name.endswith(ending):
                file = pyarrow.parquet.ParquetFile(BytesIO(self.content(name)))
                return file.read(use_threads=False)  # small files are read faster without threads
        return None

    def forecasts(self) -> "pa.Table":
        """Its one-day-ahead forecasts. Raises what `content` raises."""
        import pyarrow.compute

        table = self.table(f"{self.release[:12]}.parquet")
        assert table is not None
        return table.filter(pyarrow.compute.equal(table["days_ahead"], 1))

    def rows(self) -> "pa.Table":
        """The rows of its files that are needed to compare forecasts and outcomes.

        There is a row for each symbol and each value of `of`: RELEASE (one day ahead), a rival, or
        OUTCOME. A row has its `day` and the columns of its file. Raises what `content` raises.
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
        """A file by its path within `production`; raises Refusal if it is missing or changed."""
        path = self.folder / name
        try:
            content = read_regular(path)
        except FileNotFoundError:
            raise Refusal(
                f"{path}: is missing, but line {self.entry.sequence} of the ledger lists it; put "
                "it back from a backup."
            ) from None
        if sha256(content) != self.files()[name]:
            raise Refusal(f"{path}: was changed after it was recorded; put back the original file.")
        return content

    def copies(self) -> dict[str, Path]:
        """The `newest` copies of its forecasts while it is the newest day, by the path within
        `production` of the original."""
        made = [Path(name) for name in self.files() if name.startswith(FORECASTS)]
        return {str(name): self.folder / FORECASTS / f"newest{name.suffix}" for name in made}

    def is_intact(self, name: str) -> bool:
        """Whether a file, by its path within `production`, is as it was recorded."""
        path = self.folder / name
        return path.is_file() and file_sha256(path) == self.files()[name]

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each problem with its files."""
        for name in self.files():
            try:
                self.content(name)
            except Refusal as refusal:
                yield str(refusal)


def _beside(table: "pa.Table", name: str, text: str) -> "pa.Table":
    """A table with an additional column that has the same text in all rows."""
    import pyarrow as pa

    return table.append_column(name, pa.repeat(text, len(table)))


def days(
    root: Path, release: str | None = None, entries: Iterable[Entry] | None = None
) -> list[Day]:
    """All recorded days, in order; of one release, or of all.

    entries: the ledger's lines, if they were read already.
    """
    if entries is None:
        entries = ledger.read(Path(root, LEDGER))
    found = (Day(entry, Path(root, PRODUCTION)) for entry in entries if entry.event == EVENT)
    return [day for day in found if release in (None, day.release)]


def releases_shown(every: Iterable[Day], release: str) -> dict[str, list[Day]]:
    """The recorded days of the last EARLIER releases before this one, oldest first, and of this
    one."""
    of: dict[str, list[Day]] = {}
    for day in every:
        of.setdefault(day.release, []).append(day)
    own = of.pop(release, [])
    return dict(list(of.items())[-EARLIER:]) | {release: own}


def not_together(own: Sequence[Day]) -> list[Day]:
    """The last days of a release that are not in a joint file yet; own: all its days."""
    first = max((row for row, day in enumerate(own) if day.has(TOGETHER)), default=0)
    return list(own[first:])


def read_rows(own: Sequence[Day]) -> Iterator["pa.Table"]:
    """Yield the `rows` of all days of a release, many days in one table where they are in one file.

    First every file of these days is checked against the ledger, needed or not. Raises Refusal if
    one is missing or changed.
    """
    problems = [problem for day in own for problem in day.problems()]
    if problems:
        more = f" (and {len(problems) - 1} more; `pricewright verify` lists them)"
        raise Refusal(problems[0].removesuffix(".") + more * (len(problems) > 1) + ".")
    for day in own:
        if (together := day.table(TOGETHER)) is not None:
            yield together
    if single := not_together(own):
        yield rows_together(single)


def rows_together(some: Sequence[Day]) -> "pa.Table":
    """The `rows` of some days in one table. Raises what `content` raises."""
    import pyarrow as pa

    return pa.concat_tables([day.rows() for day in some], promote_options="default")


def newest_day(some: Sequence[Day]) -> Day:
    """The day with the newest date; if there are several, the one recorded last."""
    return max(some, key=lambda day: (day.date, day.entry.sequence))


def missing_files(root: Path) -> list[str]:
    """A sentence if files of recorded days are missing, as after an older backup was restored."""
    recorded = [day.folder / name for day in days(root) for name in day.files()]
    lost = [path for path in recorded if not path.exists()]
    more = f" (and {len(lost) - 1} more)" * (len(lost) > 1)
    return [f"{path}: is missing{more}; restore it from a backup." for path in lost[:1]]


def verify_record(root: Path) -> list[str]:
    """A sentence for each problem with the record of forecasts.

    Each file must match its ledger line, the `newest` files must be copies of a day's forecasts,
    and there must be no other files.
    """
    entries = ledger.read(Path(root, LEDGER))
    every = days(root, entries=entries)
    problems = [problem for day in every for problem in day.problems()]
    known = {name for day in every for name in day.files()}
    if every:
        release = state_of(entries).release
        newest = newest_day([day for day in every if day.release == release] or every)
        # after a rollback to a release that cannot forecast, the copies stay those of the last day
        last = every[-1].files()
        for name, copy in newest.copies().items():
            known.add(f"{FORECASTS}/{copy.name}")
            right = {newest.files()[name], *last.values()}
            if not (copy.is_file() and file_sha256(copy) in right):
                how = "copy that file to it"
                if not newest.is_intact(name):
                    how = (
                        "put that file back from a backup, then copy it; if no backup has it, the "
                        "next day's forecasts replace this one"
                    )
                problems.append(
                    f"{copy}: should be a copy of {newest.folder / name}, but is not; {how}."
                )
    return problems + list(_unknown_files(Path(root, PRODUCTION), known))


def _unknown_files(production: Path, known: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each folder with files that no ledger line lists."""
    for folder in (FORECASTS, LIVE):
        there = sorted(path.name for path in (production / folder).glob("[!.]*"))
        unknown = [name for name in there if f"{folder}/{name}" not in known]
        if unknown:
            more = f" and {len(unknown) - 1} more there" * (len(unknown) > 1)
            yield (
                f"{production / folder / unknown[0]}{more}: not in the ledger, so nothing shows "
                "when it was written; a run that was killed may have left it, and the next run may "
                "record it; if not, remove it, or put back the ledger if it lost lines."
            )
