"""The table of symbols, with a row of figures and notes each, for the page and as a file."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pricewright.evaluation.acceptance import TAILS, percent_key
from pricewright.reporting.figures import (
    Figure,
    figure,
    interval_ratio,
    is_significant,
    percent,
    pinball_skill,
    qlike_difference,
    share_beyond,
    shortfall_difference,
    value_at,
    worst,
)
from pricewright.tables.fields import no_formula

Score = Callable[[Mapping[str, Any]], float | None]
"""A function that derives a number from the scores of a symbol."""


@dataclass(frozen=True)
class Column:
    """A column of the table of symbols: its title, a hint that explains it, the form of its number.

    at: the number's JSON pointer, if the model holds it.  derive: else, its function of the scores.
    sorted: whether the table is sorted by this column.
    """

    title: str
    hint: str
    form: str = ""
    at: str = ""
    derive: Score | None = None
    sorted: bool = False


class SymbolTable:
    """The symbols of a model, each with the figures to judge it by.

    quality: the document of odd values in the data; the number of flags per symbol is shown.
    """

    def __init__(self, model: Mapping[str, Any], quality: Mapping[str, Any]) -> None:
        self._model = model
        self._flagged = Counter(entry["symbol"] for entry in quality["flagged"])
        self.columns = _columns(model)

    def rows(self, symbols: Sequence[str]) -> Iterator[list[Figure | str]]:
        """A row for each symbol, with a cell for each column."""
        forms = [column.form for column in self.columns[1:-1]]
        for name, *values, notes in map(self._cells, symbols):
            cells = [figure(value, form) for value, form in zip(values, forms, strict=True)]
            yield [str(name), *cells, str(notes)]

    def csv(self) -> bytes:
        """All symbols, the worst first, as CSV (RFC 4180) with exact numbers.

        A text that a spreadsheet would read as a formula is prefixed with an apostrophe.
        """
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(column.title for column in self.columns)
        for symbol in worst(self._model):
            cells = self._cells(symbol)
            writer.writerow(no_formula(cell) if isinstance(cell, str) else cell for cell in cells)
        return text.getvalue().encode()

    def _cells(self, symbol: str) -> list[float | str | None]:
        """The symbol, its numbers and its notes."""
        scores = self._model["metrics"]["by_symbol"][symbol]
        state = self._model["symbols"][symbol]
        read = {"metrics": scores, "state": state}
        values = [
            column.derive(scores) if column.derive else value_at(read, column.at)
            for column in self.columns[1:-1]
        ]
        return [symbol, *values, "; ".join(_notes(scores, state, self._flagged[symbol]))]


def _columns(model: Mapping[str, Any]) -> list[Column]:
    level = percent(model["parameters"]["level"])
    days = model["parameters"]["horizon"]
    tails = []
    for tail in TAILS:
        hint = f"share of days with a loss beyond the value-at-risk of {percent(tail)}"
        beyond = partial(share_beyond, tail=tail)
        tails.append(Column(f"{percent(tail)} VaR", hint, "share", derive=beyond))
        hint = "p-value of the test that this share is right"
        at = f"/metrics/var/{percent_key(tail)}/kupiec"
        tails.append(Column(f"Kupiec {percent(tail)}", hint, "ratio", at))
    return [
        Column("Symbol", ""),
        Column("Last price", "the newest price in the data", "price", "/state/last_price"),
        Column(f"Low, {days} d", f"lower bound of the {level} interval in {days} days", "price",
               f"/state/forecast/lower/{days - 1}"),
        *([] if model["parameters"]["location"] == "naive" else [
            Column(f"Point, {days} d", f"point forecast in {days} days", "price",
                   f"/state/forecast/point/{days - 1}")]),
        Column(f"High, {days} d", f"upper bound of the {level} interval in {days} days", "price",
               f"/state/forecast/upper/{days - 1}"),
        Column("Dates", "from which the symbol was forecast", "count", "/metrics/origins"),
        Column("Interval ratio", "interval score over the plain random walk's; below 1 is better",
               "ratio", derive=interval_ratio, sorted=True),
        Column("Skill", "pinball loss saved relative to the plain random walk", "signed share",
               derive=pinball_skill),
        Column(f"{level} held", "share of prices within the interval", "share",
               "/metrics/model/coverage"),
        Column("Walk held", "the same for the plain random walk", "share",
               "/metrics/random_walk/coverage"),
        Column("MASE", "mean absolute scaled error", "ratio", "/metrics/model/mase"),
        Column("Walk's", "MASE of the plain random walk", "ratio", "/metrics/random_walk/mase"),
        Column("QLIKE less EWMA", "of the variance; below 0 is better", "signed",
               derive=qlike_difference),
        *tails,
        Column("97.5% VaR, 1 d", "loss on one unit held that is exceeded on one day in forty",
               "price", "/state/forecast/var/0"),
        Column("97.5% ES, 1 d", "expected shortfall: the mean of losses beyond the VaR", "price",
               "/state/forecast/es/0"),
        Column("ES residual", "mean gap between losses beyond the VaR and the ES, in deviations; "
               "below 0 the ES was too small", "signed", "/metrics/es/residual"),
        Column("ES score less EWMA", "of VaR and ES together; below 0 is better", "signed",
               derive=lambda scores: shortfall_difference(scores["es"])),
        Column("Notes", ""),
    ]  # fmt: skip


def _notes(scores: Mapping[str, Any], state: Mapping[str, Any], flagged: int) -> list[str]:
    """Remarks on a symbol; the page's filter searches these words."""
    notes = [] if scores["origins"] else ["not evaluated"]
    for tail in TAILS:
        if is_significant(scores["var"][percent_key(tail)]["kupiec"]):
            notes.append(f"{percent(tail)} VaR rejected")
    if is_significant(scores["es"]["p_value"]):
        notes.append("97.5% ES too small")
    found = qlike_difference(scores)
    if found is not None and is_significant(scores["volatility"]["p_value_holm"]):
        notes.append(f"QLIKE significantly {'worse' if found > 0 else 'better'}")
    if flagged:
        notes.append(f"{flagged:,} flagged")
    return notes + list(state["fallbacks"])
