"""What `describe` found out about a delivery, and the config that says so."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import yaml

from pricewright.files.errors import printable, shortened
from pricewright.intake.reading.delivery import Reading
from pricewright.intake.reading.dialect import UNDECIDED, Dialect
from pricewright.intake.reading.quarantine import REASONS, code


@dataclass(frozen=True)
class Setting:
    """A key of `source`, a value that reads the file, and why.

    key: empty if the value itself is a line of YAML.
    others: other values that would read it as well; if there are any, people must choose.
    examples: whether the values are only some of many possible ones.
    """

    key: str
    value: Any
    why: str
    others: Sequence[Any] = ()
    examples: bool = False


@dataclass
class Description:
    """What was found out about a delivery.

    answers: what people have chosen, by key.
    settings: the settings that differ from the defaults.  notes: what people should know or decide.
    reading: the delivery read with these settings; None while something is open.
    dialect: these settings.  is_named: whether vendors' usual names identify its prices or symbols.
    is_named_after_file: whether each file names its column of prices after itself.
    numbers: the number of each column whose name occurs more than once, or is that of its file.
    """

    answers: Mapping[str, Any] = field(default_factory=dict)
    settings: list[Setting] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    reading: Reading | None = None
    dialect: Dialect = field(default_factory=Dialect)
    is_named: bool = True
    is_named_after_file: bool = False
    numbers: Mapping[str, int] = field(default_factory=dict)

    def choose(
        self,
        key: str,
        values: Sequence[Any],
        why: str,
        default: Any = None,
        *,
        examples: bool = False,
    ) -> Any:
        """Note a setting that several values fit.

        Returns the chosen value, else the first, else the default.
        """
        if not values:
            return default
        if len(values) > 1 and key in self.answers:
            values, why = [self.answers[key]], f"chosen; {why}"
        if values[0] != default or len(values) > 1:
            self.settings.append(Setting(key, values[0], why, values[1:], examples))
        return values[0]

    @property
    def to_choose(self) -> list[Setting]:
        """The settings that people must still choose."""
        return [setting for setting in self.settings if setting.others]


def as_yaml(uri: str, found: Description) -> str:
    """The config that reads the source, with a comment on each setting and for each note."""
    uri_line = f"  uri: {yaml_of(uri)}"
    sections: dict[str, list[str]] = {"source": [uri_line], "columns": [], "model": []}
    for setting in found.settings:
        name, _, key = setting.key.rpartition(".")
        indent = "    " if name == "columns" else "  "
        said = [setting.value, *setting.others]
        if name == "columns":
            said = [found.numbers.get(str(value), value) for value in said]
        why = printable(" ".join(setting.why.split()))
        values = [f"{key}: {yaml_of(value)}" if key else str(value) for value in said]
        line = f"{values[0]}   # {why}"
        if setting.others:
            choices = " or ".join(map(printable, values))
            line = f'{key or "decimal"}: "{UNDECIDED}"   # choose {choices}: {why}'
        sections[name or "source"].append(indent + line)
    lines = [f"# {printable(' '.join(note.split()))}" for note in found.notes]
    lines += ["source:", *sections["source"]]
    if columns := sections["columns"]:
        lines += ["  columns:", *columns]
    if sections["model"]:
        lines += ["", "model:", *sections["model"]]
    return "\n".join(lines) + "\n"


def yaml_of(value: Any) -> str:
    """A value on one line of YAML."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=math.inf)
    return text.removesuffix("...\n").strip()


def losses(reading: Reading) -> Iterator[str]:
    """What of a delivery would be lost: each reason with its count, and an example."""
    lost, sheet = reading.quarantine, reading.sheet
    for what, counts in (("row", lost.by_reason()), ("value", lost.values_by_reason())):
        for reason, count in counts.items():
            is_one = (lost.reasons == code(reason)) & ((lost.rows > 0) == (what == "row"))
            entry = int(np.argmax(is_one))
            line, field = int(lost.lines[entry]), lost.field_of(entry)
            text = printable(shortened(sheet.texts([line])[line], 100))
            column = f" in column {field!r}" if field else ""
            yield (
                f"{count:,} {what}{'s' * (count > 1)} lost as {reason}{column} "
                f"({REASONS[reason]}), such as line {line}: {text}"
            )


FIRST = 5
"""The number of rows to show."""


def first_rows(reading: Reading) -> list[Mapping[str, Any]]:
    """The first prices as they are read."""
    prices = reading.prices
    return [
        {"date": prices.date(row), "symbol": prices.symbol(row)}
        | {
            name: None if np.isnan(column[row]) else float(column[row])
            for name, column in prices.values.items()
        }
        for row in range(min(FIRST, len(prices)))
    ]
