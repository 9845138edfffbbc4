"""Describe: look at a source, and write the config that reads it."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pricewright.commands.options import GivenPath, GivenSource, Text
from pricewright.files.disk import write_whole
from pricewright.files.errors import Refusal, printable
from pricewright.intake.description import (
    Description,
    Setting,
    as_yaml,
    describe_file,
    first_day,
    first_rows,
)
from pricewright.intake.members import with_members
from pricewright.intake.one_symbol import differing_names
from pricewright.intake.reading.dialect import FROM_FILE, Limits
from pricewright.intake.sources.items import ignored_files, items
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
    found = with_members(items(Source.of(source, Access(table=table))), Limits())
    names = differing_names([item.place for item in found])
    of_one = len(set(names)) == 1
    with _bytes_of(found[0]) as path:
        own = describe_file(path, found[0].place, alone=of_one)
        first, place = own, found[0].place
        strays: list[tuple[str, Description]] = []
        for item in found[1:]:
            with _bytes_of(item) as other_path:
                is_read = first_day(other_path, item.place, first) is not None
                if is_read and not first.to_choose:
                    continue
                other = describe_file(other_path, item.place, alone=of_one)
                shows_more = first_day(path, found[0].place, other) is not None
                if not other.to_choose and shows_more:
                    first, place = other, item.place
                elif not is_read:
                    strays.append((item.place, _asked(other, other_path, item.place, alone=of_one)))
        settled = first is not own and of_one and _dates_are_open(own)
        if settled and not _follow_each_other(found, first):
            own.notes.append(_OUT_OF_ORDER)
            first, place = own, found[0].place
        first = _asked(first, path, place, alone=of_one)
    if table is not None:
        first.settings.insert(0, Setting("table", table, "as asked for"))
    by_file = any(setting.value == FROM_FILE for setting in first.settings)
    if by_file and len(set(names)) < len(names):
        first.notes.append(
            "some files are of the same symbol and differ by their dates only, and with "
            f'source.symbol: "{FROM_FILE}" each is a symbol of its own: make each symbol a source, '
            "or put all of it in one file"
        )
    text = as_yaml(source, first)
    if output is None:
        print(text)
    else:
        write_whole(output, text.encode())
        to_choose = "; choose what is open in it" if first.to_choose else ""
        print(f"{os.path.relpath(output)} has the config{to_choose}.")
    _show(place, first)
    for place, other in strays:
        print(f"{place} is written in another way, and needs a source of its own:")
        print(as_yaml(place, other))
        _show(place, other)
    for file, why in ignored_files(source).items():
        print(f"left out: {file}, {why}")


_OUT_OF_ORDER = (
    "how other files write dates is not taken for this one: the files, in the order of their "
    "names, are not in that of their dates then"
)


def _dates_are_open(found: Description) -> bool:
    return any(setting.key == "date_formats" for setting in found.to_choose)


def _follow_each_other(files: Sequence[Item], found: Description) -> bool:
    """Whether files, in the order of their names, are in that of their dates as well."""
    days = []
    for item in files:
        with _bytes_of(item) as path:
            days.append(first_day(path, item.place, found))
    known = [day for day in days if day is not None]
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
