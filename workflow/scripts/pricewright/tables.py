"""The tables of the report's page: plain text, 80 columns wide."""

from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

from pricewright.evaluation.acceptance import SIGNIFICANT
from pricewright.verdict import percent

_WHO = ("model", "random_walk")
_LONGEST = 16
"""The most characters of a symbol in a table."""


def acceptance(model: Mapping[str, Any]) -> list[str]:
    """Each criterion beside its limit."""
    rows = [
        [
            "met" if found["met"] else "NOT MET",
            name,
            _value(found["value"]),
            _limit(found),
        ]
        for name, found in model["acceptance"]["criteria"].items()
    ]
    return _table(rows, ["", "criterion", "value", "wanted"], left=2)


def errors(model: Mapping[str, Any], digits: int, max_symbols: int) -> list[str]:
    """Errors and coverage beside the random walk's, the worst symbols first."""
    metrics, level = model["metrics"], model["parameters"]["level"]
    by_symbol = metrics["by_symbol"]
    rows = [
        _error_row(_short(symbol), by_symbol[symbol]["origins"], by_symbol[symbol], digits)
        for symbol in worst(model)[:max_symbols]
    ]
    if len(by_symbol) > max_symbols:
        rows.append([f"({len(by_symbol) - max_symbols} more)", *[""] * 7])
    rows.append(_error_row("all", metrics["origins"], metrics["pooled"], digits))
    cover = f"{percent(level)} held"
    headers = ["symbol", "dates", "MASE", "walk", "RMSSE", "walk", cover, "walk"]
    return _table(rows, headers)


def risk(model: Mapping[str, Any], max_symbols: int) -> list[str]:
    """Volatility beside EWMA, and back-tests of the value-at-risk, in the same order."""
    metrics = model["metrics"]
    rows = [
        [_short(symbol), *_risk_row(metrics["by_symbol"][symbol])]
        for symbol in worst(model)[:max_symbols]
    ]
    if len(metrics["by_symbol"]) > max_symbols:
        rows.append([f"({len(metrics['by_symbol']) - max_symbols} more)", *[""] * 6])
    pooled = metrics["pooled"]
    passed = [f"{pooled['var'][key]['passed']}/{pooled['var'][key]['tested']}" for key in "15"]
    shares = [_share(pooled["var"][key]["share"]) for key in "15"]
    difference = _signed(pooled["volatility"]["qlike_difference"])
    rows.append(["all", str(pooled["volatility"]["days"]), difference, shares[0], passed[0]])
    rows[-1] += [shares[1], passed[1]]
    headers = ["symbol", "days", "QLIKE-EWMA", "1% VaR", "Kupiec", "5% VaR", "Kupiec"]
    return _table(rows, headers)


def forecasts(model: Mapping[str, Any], max_symbols: int) -> list[str]:
    """The last price, and the one expected at the end of the horizon with its interval."""
    chosen, states = model["parameters"], model["symbols"]
    rows = []
    for symbol in worst(model)[:max_symbols]:
        state = states[symbol]
        ahead = state["forecast"]
        prices = [state["last_price"], ahead["lower"][-1], ahead["point"][-1], ahead["upper"][-1]]
        rows.append([_short(symbol), state["last_date"], *(_price(price) for price in prices)])
    if len(states) > max_symbols:
        rows.append([f"({len(states) - max_symbols} more)", *[""] * 5])
    low, high = (1 - chosen["level"]) / 2, (1 + chosen["level"]) / 2
    days = f"in {chosen['horizon']} days"
    return _table(rows, ["symbol", "last", "price", percent(low), days, percent(high)])


def worst(model: Mapping[str, Any]) -> list[str]:
    """The symbols, the worst interval score beside the random walk's first, unseen ones last."""
    by_symbol = model["metrics"]["by_symbol"]
    return sorted(by_symbol, key=lambda symbol: (-_ratio(by_symbol[symbol]), symbol))


def _ratio(metrics: Mapping[str, Any]) -> float:
    ours, plain = (metrics[who]["interval_score"] for who in _WHO)
    return ours / plain if plain else -1.0


def _error_row(name: str, dates: int, metrics: Mapping[str, Any], digits: int) -> list[str]:
    pairs = [(metrics[who][key], key) for key in ("mase", "rmsse", "coverage") for who in _WHO]
    return [name, str(dates), *(_number(value, key, digits) for value, key in pairs)]


def _risk_row(metrics: Mapping[str, Any]) -> list[str]:
    found = metrics["volatility"]
    difference = None
    if found["qlike"] is not None and found["ewma_qlike"] is not None:
        difference = found["qlike"] - found["ewma_qlike"]
    luck = found["p_value_holm"]
    mark = "*" if luck is not None and luck < SIGNIFICANT else " "
    row = [str(found["days"]), _signed(difference) + mark]
    for key in "15":
        tail = metrics["var"][key]
        row += [_share(tail["exceptions"] / tail["days"] if tail["days"] else None)]
        row += ["-" if tail["kupiec"] is None else f"{tail['kupiec']:.2f}"]
    return row


def _number(value: float | None, key: str, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if key == "coverage" else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def _value(value: float | str | None) -> str:
    if value is None:
        return "unknown"
    return value if isinstance(value, str) else f"{value:.4g}"


def _limit(found: Mapping[str, Any]) -> str:
    if found["side"] == "one":
        return str(found["limit"])
    return f"at {found['side']} {found['limit']:g}"


def _price(price: float) -> str:
    if abs(price) >= 1e7 or 0 < abs(price) < 1e-3:
        return f"{price:.4e}"
    return f"{price:,.2f}" if abs(price) >= 100 else f"{price:.4f}"


def _short(symbol: str) -> str:
    return symbol if len(symbol) <= _LONGEST else symbol[: _LONGEST - 1] + "…"


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str], left: int = 1) -> list[str]:
    columns = [*["left"] * left, *["right"] * (len(headers) - left)]
    text = tabulate(rows, headers, tablefmt="simple", colalign=columns, disable_numparse=True)
    return [f"  {line}".rstrip() for line in text.splitlines()]
