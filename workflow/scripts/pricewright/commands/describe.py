"""Describe: look at a source, and write the config that reads it."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pricewright.commands.options import GivenPath, GivenSource, Text
from pricewright.files.disk import write_whole
from pricewright.files.errors import Refusal, printable
from pricewright.intake.description import describe_file, first_day
from pricewright.intake.findings import Description, Setting, as_yaml, first_rows
from pricewright.intake.members import with_members
from pricewright.intake.one_symbol import differing_names
from pricewright.intake.reading.dialect import EPOCHS, FROM_FILE, Limits
from pricewright.intake.reading.packing import nearly_packed, packing_of
from pricewright.intake.sources.items import LocalFile, ignored_files, items
from pricewright.intake.sources.source import Access, Item, Source


def describe(
    source: GivenSource,
    /,
    *,
    table: Text | None = None,
    output: GivenPath | None = None,
) -> None:
    """Look at a file, folder or URI, and write the config that reads it.

    Each setting has a comment that says why. Where two readings fit, you are asked; if nobody is
    there to ask, the key is left open, with both. The first rows are shown as they would be read.

    ```
    pricewright describe inbox/prices.csv --output mine.yaml
    snakemake --cores 1 --configfile mine.yaml
    ```

    Parameters
    ----------
    source
        A path, a folder, a pattern, or a URI, as in `source.uri`.
    table
        The table, where the source is a database.
    output
        The file to write the config to, in place of printing it.
    """
    folder = _Folder(list(_unpacked(items(Source.of(source, Access(table=table))))))
    first, place = folder.described()
    if table is not None:
        first.settings.insert(0, Setting("table", table, "as asked for"))
    names = differing_names(folder.places)
    by_file = any(setting.value == FROM_FILE for setting in first.settings)
    if by_file and len(set(names)) < len(names):
        first.notes.append(
            "some files are of the same symbol and differ by their dates only, and with "
            f'source.symbol: "{FROM_FILE}" each is a symbol of its own: make each symbol a source, '
            "or put all of it in one file"
        )
    if folder.left_out:
        reason = "so that the others are read; see what is said of each"
        first.settings.insert(0, Setting("leave_out", folder.left_out_names, reason))
    text = as_yaml(source, first)
    if output is None:
        print(text)
    else:
        write_whole(output, text.encode())
        to_choose = "; choose what is open in it" if first.to_choose else ""
        print(f"{os.path.relpath(output)} has the config{to_choose}.")
    _show(place, first)
    for place, other in folder.left_out.items():
        if isinstance(other, str):
            print(f"left out: {place}, {other}")
            continue
        print(f"{place} is written in another way, and needs a source of its own:")
        print(as_yaml(place, other))
        _show(place, other)
    for file, reason in ignored_files(source).items():
        print(f"left out: {file}, {reason}")


def _unpacked(found: Sequence[Item]) -> Iterator[Item]:
    """The items with the files of archives; one of several that is damaged stays as it is."""
    for item in found:
        try:
            yield from with_members([item], Limits())
        except Refusal:
            if len(found) == 1:
                raise
            yield item


_OUT_OF_ORDER = (
    "how other files write dates is not taken for this one: the files, in the order of their "
    "names, are not in that of their dates then"
)


_TRIED = 3
"""So many files are tried as the one that shows how most are written."""


class _Folder:
    """The files of a source, and the one way that most of them are written in.

    places: of the files that are read so.  left_out: of the others each with why, or with how it is
    written instead.
    """

    def __init__(self, files: Sequence[Item]) -> None:
        self._files = list(files)
        self.places = [item.place for item in files]
        self.left_out: dict[str, str | Description] = {}

    @property
    def left_out_names(self) -> list[str]:
        """The names of the files that are left out, each once."""
        return list(dict.fromkeys(Path(place).name for place in self.left_out))

    def described(self) -> tuple[Description, str]:
        """How most files are written, and the one that shows it."""
        if len(self._files) == 1:
            return self._shown_by(self._files[0], alone=True)
        first, read = self._commonest()
        self.places = [item.place for item in read]
        of_one = len(set(differing_names(self.places))) == 1
        found, place = self._settled(first, read, of_one=of_one)
        with _bytes_of(first) as path:
            found = _asked(found, path, place, alone=of_one)
        for item in self._files:
            if item in read or not (other := self._other(item, found)):
                continue
            if both := _of_both_epochs(found, other, item):
                found = both
                self.places.append(item.place)
            else:
                self.left_out[item.place] = other
        return found, place

    def _shown_by(self, item: Item, *, alone: bool) -> tuple[Description, str]:
        with _bytes_of(item) as path:
            own = describe_file(path, item.place, alone=alone)
            return _asked(own, path, item.place, alone=alone), item.place

    def _commonest(self) -> tuple[Item, list[Item]]:
        """The file whose own description reads the most files, and these."""
        best: tuple[Item, list[Item]] | None = None
        most, left, tried = (0, False), list(self._files), 0
        refusals: list[Refusal] = []
        while left and tried < _TRIED:
            item = left.pop(0)
            try:
                own = _own(item)
            except Refusal as refusal:
                refusals.append(refusal)
                continue
            tried += 1
            read = [other for other in self._files if other is item or _is_read(other, own, item)]
            left = [other for other in left if other not in read]
            if (len(read), own.is_named) > most:
                most, best = (len(read), own.is_named), (item, read)
            if own.is_named and len(read) > len(self._files) / 2:
                break
        if best is None:
            raise refusals[0]
        return best

    def _settled(
        self, first: Item, read: Sequence[Item], *, of_one: bool
    ) -> tuple[Description, str]:
        """The description of the first file, or of one that shows what it leaves open."""
        own = _own(first, alone=of_one)
        if not own.to_choose:
            return own, first.place
        for item in read:
            other = _own(item, alone=of_one)
            if other.to_choose or _first_day(first, other) is None:
                continue
            if of_one and _dates_are_open(own) and not _follow_each_other(read, other):
                own.notes.append(_OUT_OF_ORDER)
                break
            return other, item.place
        return own, first.place

    def _other(self, item: Item, found: Description) -> str | Description | None:
        """Why a file is left out: how it is written instead, or that it holds no prices; None for
        one that may do so, but is damaged."""
        try:
            other = _own(item)
        except Refusal as refusal:
            if _is_packed(item):
                found.notes.append(f"another file cannot be read: {refusal}")
                return None
            return f"for it holds no prices: {refusal}"
        if not other.is_named and found.is_named:
            return "for no column of it is called a price"
        return self._shown_by(item, alone=False)[0]


def _of_both_epochs(found: Description, other: str | Description, item: Item) -> Description | None:
    """A description that reads also the dates of a file that counts since 1970 in another unit, as
    Binance's do from 2025 on; None if that does not read it. No number is a date in two units."""
    if isinstance(other, str):
        return None
    formats = [*found.dialect.calendar.date_formats, *other.dialect.calendar.date_formats]
    if len(set(formats)) < 2 or not EPOCHS.keys() >= set(formats):
        return None
    settings = [
        replace(each, value=formats, why=f"{each.why}; other files count in another unit")
        if each.key == "date_formats"
        else each
        for each in found.settings
    ]
    calendar = replace(found.dialect.calendar, date_formats=tuple(formats))
    both = replace(found, settings=settings, dialect=replace(found.dialect, calendar=calendar))
    return both if _first_day(item, both) is not None else None


def _own(item: Item, *, alone: bool = False) -> Description:
    with _bytes_of(item) as path:
        return describe_file(path, item.place, alone=alone)


def _first_day(item: Item, found: Description) -> int | None:
    with _bytes_of(item) as path:
        return first_day(path, item.place, found)


def _is_read(item: Item, found: Description, first: Item) -> bool:
    """Whether a file is read as another is, or shows what that one leaves open."""
    if _first_day(item, found) is not None:
        return True
    if not found.to_choose:
        return False
    try:
        other = _own(item)
    except Refusal:
        return False
    return not other.to_choose and _first_day(first, other) is not None


def _is_packed(item: Item) -> bool:
    with _bytes_of(item) as path, path.open("rb") as file:
        head = file.read(32)
        return bool(packing_of(head) or nearly_packed(head))


def _dates_are_open(found: Description) -> bool:
    return any(setting.key == "date_formats" for setting in found.to_choose)


def _follow_each_other(files: Sequence[Item], found: Description) -> bool:
    """Whether files, in the order of their names, are in that of their dates as well."""
    known = [day for item in files if (day := _first_day(item, found)) is not None]
    return known == sorted(known)


def _asked(found: Description, path: Path, place: str, *, alone: bool) -> Description:
    """A description of a file after people, on a terminal, were asked for what is open in it."""
    answers: dict[str, Any] = {}
    while found.to_choose and sys.stdin.isatty():
        setting = found.to_choose[0]
        answer = _ask(place, setting)
        if answer is None:
            break
        try:
            found = describe_file(path, place, alone=alone, answers=answers | {setting.key: answer})
        except Refusal as refusal:  # there is no such name
            print(refusal, file=sys.stderr)
        else:
            answers[setting.key] = answer
    return found


def _ask(place: str, setting: Setting) -> Any:
    """What people choose for a setting; None if they would rather leave it open."""
    values = [setting.value, *setting.others]
    lines = [f"{place}: choose {_what(setting)}: {printable(setting.why)}"]
    lines += [f"  {number}  {printable(str(value))}" for number, value in enumerate(values, 1)]
    other = ", another name" if setting.examples else ""
    print("\n".join(lines), file=sys.stderr)
    while True:
        question = f"a number{other}, or nothing to leave it open: "
        print(question, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            print(file=sys.stderr)
        answer = line.strip()
        if not answer:
            return None
        if answer.isdecimal() and 1 <= int(answer) <= len(values):
            return values[int(answer) - 1]
        if setting.examples:
            return answer


def _what(setting: Setting) -> str:
    return f"source.{setting.key}" if setting.key else "how numbers are written"


@contextmanager
def _bytes_of(item: Item) -> Iterator[Path]:
    if isinstance(item, LocalFile):
        yield item.path
        return
    with tempfile.NamedTemporaryFile() as file, item.open() as answer:
        for chunk in answer.chunks or ():
            file.write(chunk)
        file.flush()
        yield Path(file.name)


def _show(place: str, found: Description) -> None:
    for note in found.notes:
        print(f"{place}: {note}")
    for setting in found.to_choose:
        print(f"{place}: choose {_what(setting)}: {setting.why}")
    if found.reading is None:
        return
    reading = found.reading
    lost, kept = reading.quarantine.count, f"{len(reading.prices):,} kept"
    if reading.in_bars != len(reading.prices):
        kept = f"{reading.in_bars:,} in {len(reading.prices):,} daily bars"
    print(f"{place}: {reading.rows:,} rows, {kept}, {lost:,} quarantined")
    rows = first_rows(reading)
    titles = list(rows[0])
    cells = [titles, *([_text(row[title]) for title in titles] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(titles))]
    for row in cells:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _text(value: object) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
