"""Describe: look at a source, and write the config that reads it."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from pricewright.commands.options import GivenPath, GivenSource
from pricewright.files.disk import write_whole
from pricewright.files.errors import Refusal, printable
from pricewright.intake.bar_times import choose_session
from pricewright.intake.description import describe_file, first_day, read_as
from pricewright.intake.findings import Description, Setting, as_yaml, first_rows, losses
from pricewright.intake.members import with_members
from pricewright.intake.one_symbol import differing_names, symbol_of_file
from pricewright.intake.reading.dialect import EPOCHS, FROM_FILE, Limits
from pricewright.intake.reading.instants import FIRST
from pricewright.intake.reading.packing import nearly_packed, packing_of
from pricewright.intake.sources.items import LocalFile, ignored_files, items, without
from pricewright.intake.sources.source import Access, Item, Source


def describe(
    source: GivenSource,
    /,
    *,
    output: GivenPath | None = None,
    access: Annotated[Access, Parameter(name="*")] = Access(),
) -> None:
    """Look at a file, folder or URI, and write the config that reads it.

    Each setting has a comment that says why. If two readings fit, you are asked to choose; without
    a terminal the key is left open and lists both. The first rows are shown as they would be read.
    Options that say how to ask the source are also written into the config; names go after a dot.

    ```
    pricewright describe inbox/prices.csv --output mine.yaml
    snakemake --cores 1 --configfile mine.yaml
    pricewright describe https://prices.example/a.csv --headers.X-Key '${KEY}'
    ```

    Parameters
    ----------
    source
        A file, a folder, a pattern or a URI, as in `source.uri`.
    output
        Write the config to this file, which must not exist yet, instead of printing it.
    access
        How to ask the source, as in the config's section `source`.
    """
    if output is not None and os.path.lexists(output):
        raise Refusal(f"{output}: exists already; remove it, or name another file.")
    with _options_named():
        asked = Source.of(source, access)
        files = list(_unpacked(items(asked)))
        folder = _Folder(without(files, access.leave_out, source))
        first, place = folder.described()
    given = _given(access)
    first.settings[:0] = given
    if any(setting.value == FROM_FILE and not setting.others for setting in first.settings):
        first.notes += _odd_names(folder.places, are_clear=first.is_named_after_file)
    beside = dict.fromkeys(Path(place).name for place in folder.left_out)
    if names := [*access.leave_out, *beside]:
        why = "so that the others can be read" if beside else _AS_ASKED
        first.settings.insert(0, Setting("leave_out", names, why))
    text = as_yaml(source, first)
    if output is None:
        print(text)
    else:
        write_whole(output, text.encode())
        to_choose = "; choose the values that are left open in it" if first.to_choose else ""
        print(f"{os.path.relpath(output)} has the config{to_choose}.")
    _show(place, first)
    for place, other in folder.left_out.items():
        if isinstance(other, str):
            print(f"left out: {place}, {other}")
            continue
        print(f"{place} has another format and needs a source of its own:")
        other.settings[:0] = given
        print(as_yaml(place, other))
        _show(place, other)
    for file, reason in ignored_files(asked).items():
        print(f"left out: {file}, {reason}")


_AS_ASKED = "as asked for"


def _given(access: Access) -> list[Setting]:
    """The options of access that were given, except files to leave out, as settings."""
    return [
        Setting(name, list(value) if isinstance(value, tuple) else value, _AS_ASKED)
        for name, value in vars(access).items()
        if name != "leave_out" and value != getattr(Access(), name)
    ]


_OPTION = rf"source\.({'|'.join(vars(Access()))})"


@contextmanager
def _options_named() -> Iterator[None]:
    """Let a refusal name the option `--allow-hosts` instead of the config key."""

    def option(found: re.Match[str]) -> str:
        return f"--{found[1].replace('_', '-')}{found[2] or ''}"

    try:
        yield
    except Refusal as refusal:
        text = re.sub(rf"config key '{_OPTION}(\.[^']+)?'", option, str(refusal))
        raise Refusal(re.sub(rf"\b{_OPTION}\b()", option, text)) from None


def _odd_names(places: Sequence[str], *, are_clear: bool) -> list[str]:
    """What people should know of files that are named after their symbols.

    are_clear: whether names that differ only by numbers are known to be those of several symbols.
    """
    alike: dict[str, dict[str, str]] = {}
    of_symbol: dict[str, list[str]] = {}
    for place, name in zip(places, differing_names(places), strict=True):
        symbol = symbol_of_file(place)
        alike.setdefault(name, {}).setdefault(symbol, place)
        of_symbol.setdefault(symbol, []).append(place)
    notes = [
        f'{" and ".join(both[:2])} are both of {symbol} by source.symbol: "{FROM_FILE}"; give '
        "other symbols other names"
        for symbol, both in of_symbol.items()
        if len(set(differing_names(both))) > 1
    ]
    for some in alike.values():
        if len(some) > 1 and not are_clear:
            return [
                *notes,
                f"the names of {' and '.join(list(some.values())[:2])} differ only by dates or "
                f'numbers, and with source.symbol: "{FROM_FILE}" each is a symbol of its own; if '
                "they are of one symbol, make each symbol a source, or put all of it in one file",
            ]
    return notes


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
    "the date format of the other files is not used for this one: with it, the order of the files' "
    "names would not be the order of their dates"
)
_OF_EACH_FILE = ("prices", "where")
"""Keys that another file does not settle: its own prices just do not raise the question."""
_TWO_WEEKS = 14
"""How many files, perhaps one a day, show when a session begins."""
_TRIED = 3
"""The most files that are tried to find the format of most files."""


class _Folder:
    """The files of a source, and the one format that most of them have.

    places: the files in that format.  left_out: the others, each with the reason or with the
    description of its own format.
    """

    def __init__(self, files: Sequence[Item]) -> None:
        self._files = list(files)
        self.places = [item.place for item in files]
        self.left_out: dict[str, str | Description] = {}

    def described(self) -> tuple[Description, str]:
        """The description of most files, and the file that it comes from."""
        if len(self._files) == 1:
            (item,) = self._files
            with _bytes_of(item) as path:
                return _asked(describe_file(path, item.place), path, item.place, []), item.place
        first, read = self._commonest()
        self.places = [item.place for item in read]
        named = [] if _of_one(first, read) else self.places
        found, place = self._settled(first, read, named)
        with _bytes_of(first) as path:
            found = _asked(found, path, place, named)
        _ask_session(found, read)
        for item in self._files:
            if item in read or not (other := self._other(item, found)):
                continue
            if both := _of_both_epochs(found, other, item):
                found = both
                self.places.append(item.place)
            else:
                self.left_out[item.place] = other
        return found, place

    def _commonest(self) -> tuple[Item, list[Item]]:
        """The file whose description reads the most files, and those files."""
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
        self, first: Item, read: Sequence[Item], named: Sequence[str]
    ) -> tuple[Description, str]:
        """The description of the first file, or of one that settles what the first leaves open."""
        own = _own(first, named)
        if not own.to_choose:
            return own, first.place
        for item in read:
            other = _own(item, named)
            if other.to_choose or _first_day(first, other) is None:
                continue
            are_dates_open = any(setting.key == "date_formats" for setting in own.to_choose)
            if not named and are_dates_open and not _follow_each_other(read, other):
                own.notes.append(_OUT_OF_ORDER)
                break
            other.settings += [each for each in own.to_choose if each.key in _OF_EACH_FILE]
            return other, item.place
        return own, first.place

    def _other(self, item: Item, found: Description) -> str | Description | None:
        """Why a file is left out: its own description, or that it holds no prices; None if it is
        damaged and may hold prices."""
        try:
            other = _own(item)
        except Refusal as refusal:
            if _is_packed(item):
                found.notes.append(
                    f"another file cannot be read: {refusal} Or list it in leave_out."
                )
                return None
            return f"because it holds no prices: {refusal}"
        if not other.is_named and found.is_named:
            return "because none of its columns has the name of a price"
        with _bytes_of(item) as path:
            return _asked(other, path, item.place, [item.place])


def _ask_session(found: Description, files: Sequence[Item]) -> None:
    """Ask people, on a terminal, when a session begins if bars of several files begin on an
    evening, and one shows no day before it."""
    is_open = all(setting.key != "session" for setting in found.settings)
    if found.dialect.calendar.bars != "intraday" or not is_open:
        return
    first: dict[int, int] = {}
    for item in files[:_TWO_WEEKS]:
        with _bytes_of(item) as path:
            reading = read_as(path, item.place, found)
        if reading:
            times = reading.span[FIRST].astype(int).tolist()
            for day, time in zip(reading.prices.days.tolist(), times, strict=True):
                first[day] = min(time, first.get(day, time))
    if not choose_session(first, found):
        return
    answer = _ask(files[0].place, found.settings[-1]) if sys.stdin.isatty() else None
    found.reading = None
    if answer is not None:
        del found.settings[-1]
        found.answers = {**found.answers, "session": answer}
        calendar = replace(found.dialect.calendar, session=choose_session(first, found))
        found.dialect = replace(found.dialect, calendar=calendar)
        with _bytes_of(files[0]) as path:
            found.reading = read_as(path, files[0].place, found)


def _of_both_epochs(found: Description, other: str | Description, item: Item) -> Description | None:
    """A description that also reads a file whose dates count since 1970 in another unit, as
    Binance's do from 2025 on; None if that fails. No number is a date in two units."""
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


def _of_one(first: Item, read: Sequence[Item]) -> bool:
    """Whether files seem to be of one symbol: their names differ only by dates or numbers, they do
    not all begin on the same day, and none names its column of prices after itself."""
    if len(set(differing_names([item.place for item in read]))) > 1:
        return False
    own = _own(first)
    days = {_first_day(item, own) for item in (read[0], read[-1])}
    return len(read) == 1 or (len(days) > 1 and not own.is_named_after_file)


def _own(item: Item, named: Sequence[str] | None = None) -> Description:
    named = [item.place] if named is None else named
    with _bytes_of(item) as path:
        return describe_file(path, item.place, named=named)


def _first_day(item: Item, found: Description) -> int | None:
    with _bytes_of(item) as path:
        return first_day(path, item.place, found)


def _is_read(item: Item, found: Description, first: Item) -> bool:
    """Whether a description reads this file too, or this file settles what it leaves open."""
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


def _follow_each_other(files: Sequence[Item], found: Description) -> bool:
    """Whether the files, in the order of their names, are also in the order of their dates."""
    known = [day for item in files if (day := _first_day(item, found)) is not None]
    return known == sorted(known)


def _asked(found: Description, path: Path, place: str, named: Sequence[str]) -> Description:
    """A description of a file after asking people, on a terminal, what it leaves open."""
    answers: dict[str, Any] = {}
    while found.to_choose and sys.stdin.isatty():
        setting = found.to_choose[0]
        answer = _ask(place, setting)
        if answer is None:
            break
        try:
            found = describe_file(path, place, named=named, answers=answers | {setting.key: answer})
        except Refusal as refusal:  # there is no such name
            print(refusal, file=sys.stderr)
        else:
            answers[setting.key] = answer
    return found


def _ask(place: str, setting: Setting) -> Any:
    """The value that people choose for a setting; None if they leave it open."""
    values = [setting.value, *setting.others]
    lines = [f"{place}: choose {_what(setting)}: {printable(setting.why)}"]
    lines += [f"  {number}  {printable(str(value))}" for number, value in enumerate(values, 1)]
    other = ", another name" if setting.examples else ""
    print("\n".join(lines), file=sys.stderr)
    while True:
        question = f"type a number{other}, or nothing to leave it open: "
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
    for what in losses(reading):
        print(f"{place}: {what}")
    rows = first_rows(reading)
    titles = list(rows[0])
    cells = [titles, *([_text(row[title]) for title in titles] for row in rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(titles))]
    for row in cells:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _text(value: object) -> str:
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
