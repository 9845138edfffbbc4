"""The pictures of the page, each with its title and how to read it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pricewright.backtest import Backtest
from pricewright.charts import pooled, quality, symbol
from pricewright.charts.drawing import PAGE, Ink, Spec, compiled, svg
from pricewright.html.figures import Figure, Figures, shown
from pricewright.html.sight import Sight
from pricewright.html.symbols import pinball_skill
from pricewright.tables import worst
from pricewright.verdict import percent

PICTURED = 3
"""So many of the worst symbols, and of the largest, have pictures from the start."""

COMPARED = 15
"""The most symbols in the picture of skill."""


@dataclass(frozen=True)
class Numbers:
    """What a picture shows, as a table: its heads, and rows of a name and figures."""

    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Figure]]]


@dataclass(frozen=True)
class Picture:
    """A drawn picture: its title, how it is read, the SVG, and the same in numbers."""

    title: str
    says: str
    svg: str
    numbers: Numbers | None = None


@dataclass(frozen=True)
class Kind:
    """A picture that every symbol has, drawn from data, their scale and the colours."""

    title: str
    says: str
    draw: Callable[[symbol.Data, str, Ink], Spec]


KINDS = (
    Kind(
        "Price and what was forecast",
        "Line: price. Shaded: the intervals forecast from each past date, and from the last one.",
        symbol.price,
    ),
    Kind(
        "Volatility, forecast and realised",
        f"Lines: forecast for each day, and root mean square of the last {symbol.LATELY} changes. "
        "Grey: each change.",
        symbol.volatility,
    ),
    Kind(
        "Value-at-risk and exceptions",
        "Exceptions at 5% in orange, at 1% in red: above, of the whole evaluation; below, with "
        "each change and the limits of 5% (dashed) and 1%.",
        symbol.risk,
    ),
)


def of_all(model: Mapping[str, Any], backtest: Backtest | None) -> list[Picture]:
    """The pictures of all symbols together."""
    level = percent(model["parameters"]["level"])
    made = [
        Picture(
            f"Share of prices within the {level} interval",
            "By days ahead. Dashed: what is promised; above it the interval is too wide.",
            svg(pooled.coverage(model, PAGE)),
            _coverages(model),
        ),
        Picture(
            "Calibration of the whole distribution (PIT)",
            "Flat is right: each tenth of the distribution should hold a tenth of the prices.",
            svg(pooled.calibration(model, PAGE)),
            _transforms(model),
        ),
    ]
    if backtest is not None:
        rows = _skills(model, backtest)
        which = f", the worst {COMPARED}" if len(backtest.symbols) > COMPARED else ""
        skill = Picture(
            "Skill beside the plain random walk",
            f"Pinball loss saved, with 95% intervals over dates{which}; right of 0 is better.",
            svg(pooled.skill(rows, PAGE)),
            Numbers(
                ["symbol", "skill", "from", "to"],
                [(name, [shown(one, "signed share") for one in rest]) for name, *rest in rows],
            ),
        )
        made.insert(0, skill)
    return made


def calendar(found: Sequence[Mapping[str, Any]], flags: Sequence[str]) -> Picture:
    """The picture of flags by period."""
    return Picture(
        "When it was odd",
        "The darker, the more entries begin or last there.",
        svg(quality.calendar(found, flags, PAGE)),
    )


def pictured(
    model: Mapping[str, Any], sight: Sight, largest: Sequence[str]
) -> list[dict[str, Any]]:
    """The symbols that have pictures from the start: the worst, then the largest.

    These are the most traded, and where no volume says which, those with the longest history.
    """
    states = model["symbols"]
    order = worst(model)
    largest = [name for name in largest if name in states]
    reason = "one of the most traded" if largest else "one of the longest known"
    largest = largest or sorted(order, key=lambda name: -states[name]["observations"])
    why = dict.fromkeys(order[:PICTURED], "one of the worst")
    for name in largest[:PICTURED]:
        why[name] = f"{why[name]}, and {reason}" if name in why else reason
    return [
        {"name": name, "why": text, "pictures": _drawn(name, states[name]["scale"], sight)}
        for name, text in why.items()
    ]


def kinds() -> list[dict[str, Any]]:
    """What a page needs to draw a symbol's pictures itself: by scale, a specification of Vega."""
    return [
        {
            "title": kind.title,
            "says": kind.says,
            "spec": {
                scale: compiled(kind.draw(symbol.EMPTY, scale, PAGE)) for scale in ("log", "level")
            },
        }
        for kind in KINDS
    ]


def _drawn(name: str, scale: str, sight: Sight) -> list[Picture]:
    data = sight.data(name)
    return [Picture(kind.title, kind.says, svg(kind.draw(data, scale, PAGE))) for kind in KINDS]


def _coverages(model: Mapping[str, Any]) -> Numbers:
    at = Figures(model).at
    return Numbers(
        ["days ahead", *pooled.NAMES.values()],
        [
            (
                str(days + 1),
                [
                    at(f"/metrics/pooled/{who}/by_horizon/coverage/{days}", "share")
                    for who in pooled.NAMES
                ],
            )
            for days in range(model["parameters"]["horizon"])
        ],
    )


def _transforms(model: Mapping[str, Any]) -> Numbers:
    bins = len(model["metrics"]["pooled"]["pit"]["counts"])
    return Numbers(
        ["part", "prices"],
        [
            (
                f"{place / bins:.0%} to {(place + 1) / bins:.0%}",
                [Figures(model).at(f"/metrics/pooled/pit/counts/{place}", "count")],
            )
            for place in range(bins)
        ],
    )


def _skills(
    model: Mapping[str, Any], backtest: Backtest
) -> list[tuple[str, float | None, float | None, float | None]]:
    by_symbol = model["metrics"]["by_symbol"]
    place = {name: number for number, name in enumerate(backtest.symbols)}
    several = len(backtest.symbols) > 1
    rows = [("all symbols", *backtest.skill(len(backtest.symbols)))] if several else []
    for name in worst(model)[:COMPARED]:
        _, lower, upper = backtest.skill(place[name])
        rows.append((name, pinball_skill(by_symbol[name]), lower, upper))
    return rows
