"""The table of symbols: a row each, the worst first, with digits that can be read.

The exact number is beneath each, named by its JSON pointer (RFC 6901), so that whoever doubts one
can look it up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pricewright.evaluation.acceptance import SIGNIFICANT, percent_key
from pricewright.reporting.text import TAILS, interval_ratio, worst
from pricewright.reporting.verdict import percent


@dataclass(frozen=True)
class Figure:
    """What is shown, the exact value, empty where there is none, and where the model has it."""

    text: str
    value: str
    at: str = ""

    number = True


def price(value: float) -> str:
    """A price with the digits that tell it from its neighbours."""
    if abs(value) >= 1e7 or 0 < abs(value) < 1e-3:
        return f"{value:.4e}"
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4f}"


MISSING = "-"

FORMS: Mapping[str, Callable[[float], str]] = {
    "share": lambda value: f"{value:.1%}",
    "signed share": lambda value: f"{value:+.1%}",
    "ratio": lambda value: f"{value:.3f}" if abs(value) < 1e4 else f"{value:.1e}",
    "signed": lambda value: f"{value:+.4f}" if abs(value) < 1e4 else f"{value:.1e}",
    "criterion": lambda value: f"{value:.4g}",
    "count": lambda value: f"{value:,}",
    "price": price,
}
"""How a number is written, by the kind of number that it is."""


class Figures:
    """The numbers of one model document."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self._model = model

    def at(self, pointer: str, form: str) -> Figure:
        """The number at a pointer, as /metrics/pooled/mae_ratio, in one of FORMS."""
        return replace(shown(resolve(self._model, pointer), form), at=pointer)


def shown(value: float | str | None, form: str) -> Figure:
    """A number in one of FORMS."""
    if value is None:
        return Figure("unknown" if form == "criterion" else MISSING, "")
    if isinstance(value, str):
        return Figure(value, value)
    return Figure(FORMS[form](value), repr(value))


def resolve(document: Any, pointer: str) -> Any:
    """What a document has at a JSON pointer."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key) if isinstance(document, list) else key]
    return document


FIRST = 25
"""The rows that are shown before someone asks for more."""


@dataclass(frozen=True)
class Text:
    """A cell of words."""

    text: str

    number = False


Cell = Figure | Text


@dataclass(frozen=True)
class Column:
    """A column: its title and what that means; where its number is, if the model has it."""

    title: str
    hint: str
    form: str = ""
    at: str = ""
    number: bool = True
    sorted: bool = False


@dataclass(frozen=True)
class Table:
    """The table as a page shows it."""

    says: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    first: int = FIRST


def table(model: Mapping[str, Any], flagged: Mapping[str, int]) -> Table:
    """The table of a model's symbols; flagged: how many entries of data_quality each has."""
    columns = _columns(model)
    by_symbol = model["metrics"]["by_symbol"]
    rows = []
    for symbol in worst(model):
        scores, state = by_symbol[symbol], model["symbols"][symbol]
        cells: list[Cell] = [Text(symbol)]
        for column in columns[1:-1]:
            value = _DERIVED[column.title](scores, state) if not column.at else None
            if column.at:
                value = resolve({"metrics": scores, "state": state}, column.at)
            cells.append(shown(value, column.form))
        rows.append([*cells, Text("; ".join(_notes(scores, state, flagged.get(symbol, 0))))])
    return Table(
        "By the interval score beside the plain random walk's: above 1 the model is worse. "
        "Less is better for MASE and QLIKE. Choose a symbol to see its pictures.",
        columns,
        rows,
    )


def _columns(model: Mapping[str, Any]) -> list[Column]:
    level = percent(model["parameters"]["level"])
    days = model["parameters"]["horizon"]
    tails = [
        column
        for tail in TAILS
        for column in (
            Column(
                f"{percent(tail)} VaR",
                f"share of days with a loss beyond the value-at-risk of {percent(tail)}",
                "share",
            ),
            Column(
                f"Kupiec {percent(tail)}",
                "p-value of the test that this share is right",
                "ratio",
                f"/metrics/var/{percent_key(tail)}/kupiec",
            ),
        )
    ]
    return [
        Column("Symbol", "", number=False),
        Column("Last price", "", "price", "/state/last_price"),
        Column(f"Low, {days} d", f"lower bound of the {level} interval in {days} days", "price",
               "/state/forecast/lower/" + str(days - 1)),
        *([] if model["parameters"]["location"] == "naive" else [
            Column(f"Point, {days} d", f"point forecast in {days} days", "price",
                   "/state/forecast/point/" + str(days - 1))]),
        Column(f"High, {days} d", f"upper bound of the {level} interval in {days} days", "price",
               "/state/forecast/upper/" + str(days - 1)),
        Column("Dates", "from which it was forecast", "count", "/metrics/origins"),
        Column(
            "Interval ratio", "interval score over the plain random walk's; below 1 is better",
            "ratio", sorted=True,
        ),
        Column("Skill", "pinball loss saved beside the plain random walk", "signed share"),
        Column(f"{level} held", "share of prices within the interval", "share",
               "/metrics/model/coverage"),
        Column("Walk held", "the same of the plain random walk", "share",
               "/metrics/random_walk/coverage"),
        Column("MASE", "mean absolute scaled error", "ratio", "/metrics/model/mase"),
        Column("Walk's", "MASE of the plain random walk", "ratio", "/metrics/random_walk/mase"),
        Column("QLIKE less EWMA", "of the variance; below 0 is better", "signed"),
        *tails,
        Column("Notes", "", number=False),
    ]  # fmt: skip


def qlike_difference(scores: Mapping[str, Any]) -> float | None:
    """QLIKE less EWMA's, None where there is none."""
    found = scores["volatility"]
    if found["qlike"] is None or found["ewma_qlike"] is None:
        return None
    return float(found["qlike"] - found["ewma_qlike"])


def pinball_skill(scores: Mapping[str, Any]) -> float | None:
    """1 less the pinball loss over the plain random walk's, None where there is none."""
    ours, plain = scores["model"]["pinball"], scores["random_walk"]["pinball"]
    return 1 - ours / plain if plain and ours is not None else None


def _interval_ratio(scores: Mapping[str, Any]) -> float | None:
    found = interval_ratio(scores)
    return found if found >= 0 else None


def _beyond(scores: Mapping[str, Any], tail: float) -> float | None:
    found = scores["var"][percent_key(tail)]
    return found["exceptions"] / found["days"] if found["days"] else None


_DERIVED: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], float | None]] = {
    "Interval ratio": lambda scores, _: _interval_ratio(scores),
    "Skill": lambda scores, _: pinball_skill(scores),
    "QLIKE less EWMA": lambda scores, _: qlike_difference(scores),
    "1% VaR": lambda scores, _: _beyond(scores, 0.01),
    "5% VaR": lambda scores, _: _beyond(scores, 0.05),
}


def _notes(scores: Mapping[str, Any], state: Mapping[str, Any], flagged: int) -> list[str]:
    """What is to be said of a symbol; the filter finds these words."""
    notes = [] if scores["origins"] else ["not evaluated"]
    for tail in TAILS:
        p = scores["var"][percent_key(tail)]["kupiec"]
        if p is not None and p < SIGNIFICANT:
            notes.append(f"{percent(tail)} VaR rejected")
    found, luck = qlike_difference(scores), scores["volatility"]["p_value_holm"]
    if found is not None and luck is not None and luck < SIGNIFICANT:
        notes.append(f"QLIKE significantly {'worse' if found > 0 else 'better'}")
    if flagged:
        notes.append(f"{flagged:,} flagged")
    return notes + list(state["fallbacks"])
