"""The tables of the report's page: plain text, 80 columns wide."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from pricewright.evaluation.acceptance import percent_key
from pricewright.evaluation.chance import SIGNIFICANT
from pricewright.verdict import percent

WIDTH = 80
WHO = ("model", "random_walk")
COVERAGES = (0.5, 0.8, 0.9, 0.95)
TAILS = (0.01, 0.05)
_SHORTEST = 7
"""The fewest characters that are left of a symbol where a table is too wide."""


def acceptance(model: Mapping[str, Any]) -> list[str]:
    """Each criterion beside its limit, and below one that is not met what it is."""
    criteria = model["acceptance"]["criteria"]
    rows = [
        ["met" if found["met"] else "NOT MET", name, _value(found["value"]), _limit(found)]
        for name, found in criteria.items()
    ]
    header, rule, *lines = _table(rows, ["", "criterion", "value", "wanted"], left=2)
    indent = " " * header.index("criterion")
    explained = [
        [line, *([] if found["met"] else textwrap.wrap(found["what"], WIDTH - len(indent)))]
        for line, found in zip(lines, criteria.values(), strict=True)
    ]
    return [
        header,
        rule,
        *(
            part if number == 0 else indent + part
            for lines in explained
            for number, part in enumerate(lines)
        ),
    ]


def errors(model: Mapping[str, Any], digits: int, max_symbols: int) -> list[str]:
    """Errors and coverage beside the random walk's, the worst symbols first.

    Errors have `digits` decimals, or as many as the page has room for.
    """
    metrics, level = model["metrics"], model["parameters"]["level"]
    shown = {symbol: metrics["by_symbol"][symbol] for symbol in worst(model)[:max_symbols]}
    whole = metrics["pooled"] | {"origins": metrics["origins"]}
    headers = ["symbol", "dates", "MASE", "walk", "RMSSE", "walk", f"{percent(level)} held", "walk"]
    lines: list[str] = []
    for decimals in range(digits, 0, -1):
        rows = [_error_row(symbol, scores, decimals) for symbol, scores in shown.items()]
        rows += _more(len(metrics["by_symbol"]) - max_symbols)
        lines = _table([*rows, _error_row("all", whole, decimals)], headers)
        if max(map(len, lines)) <= WIDTH:
            break
    return lines


def risk(model: Mapping[str, Any], max_symbols: int) -> list[str]:
    """Volatility beside EWMA's, and back-tests of the value-at-risk, in the same order."""
    by_symbol, pooled = model["metrics"]["by_symbol"], model["metrics"]["pooled"]
    rows = [[symbol, *_risk_row(by_symbol[symbol])] for symbol in worst(model)[:max_symbols]]
    rows += _more(len(by_symbol) - max_symbols)
    found = pooled["volatility"]
    rows.append(["all", str(found["days"]), _signed(found["qlike_difference"]) + " "])
    for tail in TAILS:
        var = pooled["var"][percent_key(tail)]
        rows[-1] += [_share(var["share"]), f"{var['passed']}/{var['tested']}"]
    tails = [part for tail in TAILS for part in (f"{percent(tail)} VaR", "Kupiec")]
    return _table(rows, ["symbol", "days", "QLIKE-EWMA ", *tails])


def coverages(model: Mapping[str, Any]) -> list[str]:
    """What intervals of several levels held, over all symbols, beside the random walk's."""
    pooled = model["metrics"]["pooled"]
    rows = [
        [name, *(_share(pooled[who]["coverages"][percent_key(level)]) for level in COVERAGES)]
        for who, name in zip(WHO, ("model", "random walk"), strict=True)
    ]
    return _table(rows, ["intervals of", *map(percent, COVERAGES)])


def worst(model: Mapping[str, Any]) -> list[str]:
    """The symbols, the worst interval score beside the random walk's first, unseen ones last."""
    by_symbol = model["metrics"]["by_symbol"]
    return sorted(by_symbol, key=lambda symbol: (-interval_ratio(by_symbol[symbol]), symbol))


def interval_ratio(metrics: Mapping[str, Any]) -> float:
    """The interval score over the plain random walk's; -1 for what was not evaluated."""
    ours, plain = (metrics[who]["interval_score"] for who in WHO)
    return ours / plain if plain and ours is not None else -1.0


def _more(count: int) -> list[list[str]]:
    return [[f"({count:,} more)"]] if count > 0 else []


def _error_row(name: str, metrics: Mapping[str, Any], digits: int) -> list[str]:
    pairs = [(metrics[who][key], key) for key in ("mase", "rmsse", "coverage") for who in WHO]
    return [name, str(metrics["origins"]), *(_number(value, key, digits) for value, key in pairs)]


def _risk_row(metrics: Mapping[str, Any]) -> list[str]:
    found = metrics["volatility"]
    known = found["qlike"] is not None and found["ewma_qlike"] is not None
    difference = found["qlike"] - found["ewma_qlike"] if known else None
    luck = found["p_value_holm"]
    mark = "*" if luck is not None and luck < SIGNIFICANT else " "
    row = [str(found["days"]), _signed(difference) + mark]
    for tail in TAILS:
        var = metrics["var"][percent_key(tail)]
        row.append(_share(var["exceptions"] / var["days"] if var["days"] else None))
        row.append("-" if var["kupiec"] is None else f"{var['kupiec']:.3f}")
    return row


def _number(value: float | None, key: str, digits: int) -> str:
    if value is None or key == "coverage":
        return _share(value)
    return f"{value:.{digits}f}" if value < 1e4 else f"{value:.1e}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def _value(value: float | str | None) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else f"{value:.4g}"


def _limit(found: Mapping[str, Any]) -> str:
    limit = found["limit"]
    return limit if isinstance(limit, str) else f"at {found['side']} {limit:.4g}"


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str], left: int = 1) -> list[str]:
    """The lines of a table; names in its first column lose their middle if it is too wide."""
    columns = [*["left"] * left, *["right"] * (len(headers) - left)]

    def drawn(longest: int) -> list[str]:
        named = [
            [_short(row[0], longest), *row[1:], *[""] * (len(headers) - len(row))] for row in rows
        ]
        text = tabulate(
            named,
            headers,
            tablefmt="simple",
            colalign=columns,
            disable_numparse=True,
            preserve_whitespace=True,  # the place of a mark that is not there
        )
        return [f"  {line}".rstrip() for line in text.splitlines()]

    longest = max((len(row[0]) for row in rows), default=0)
    excess = max(map(len, drawn(longest))) - WIDTH
    return drawn(max(longest - max(excess, 0), _SHORTEST))


def _short(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    tail = (longest - 1) // 2
    return f"{name[: longest - 1 - tail]}…{name[-tail:]}"
