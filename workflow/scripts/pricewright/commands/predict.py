"""Predict: print a model's forecasts, from the model's file alone.

The folder `pricewright` can be copied next to a model for this: `predict` imports only numpy, the
standard library and modules that need no more. Therefore argparse reads its options, not cyclopts;
`app` declares them again for shell completion.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import numpy as np

from pricewright.files.disk import drop_output
from pricewright.files.errors import Refusal, some_of
from pricewright.forecasting.document import open_model
from pricewright.forecasting.forecast_records import Record, as_csv, forecast_records
from pricewright.forecasting.histories import read_new_prices
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import NEVER, Panel

PROGRAM = "pricewright predict"

LATE = 100
"""The fewest days after which a first newer price is late; those of a quarter are not."""

FAR = 10
"""Newer prices that are this many times the one before, or the inverse, are probably in another
unit."""

DIGITS = 6
"""Significant digits of a price in a table; JSON and CSV have all digits."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the forecasts that the command line asks for; return the exit code, 0 or 1.

    An error is one sentence on standard error.
    """
    options = parser().parse_args(arguments)
    try:
        records = predict(
            options.model,
            horizon=options.horizon,
            symbols=options.symbol,
            quantiles=options.quantiles,
            prices=options.prices,
        )
        return _print(FORMATS[options.format](records))
    except (Refusal, OSError, MemoryError) as error:
        _warn(str(error) or "not enough memory; ask for fewer symbols with --symbol.")
        return 1


def predict(
    model: Path,
    *,
    horizon: int | None = None,
    symbols: Sequence[str] | None = None,
    quantiles: Sequence[float] | None = None,
    prices: Path | None = None,
) -> list[Record]:
    """The forecasts of a model: a record for each symbol and day ahead, with LOSSES.

    model: its file.  horizon: days ahead; by default all that the model forecasts.  symbols: by
    default all.  quantiles: their probabilities; by default the bounds of the model's interval.
    prices: clean records; those after the model's last day bring its states up to date, without
    estimating any parameter. A bar that repeats the day before is recognised only beside that day.

    Raises Refusal for a wrong or damaged file, or for symbols or horizons unknown to the model.
    """
    saved, known = open_model(model, list(dict.fromkeys(symbols)) if symbols else None)
    most = saved.settings.horizon
    if horizon is not None and not 1 <= horizon <= most:
        raise Refusal(f"{model}: the model forecasts 1 to {most} days ahead, not {horizon}.")
    if prices is not None:
        newer, unknown = read_new_prices(prices, saved, known)
        now = saved.rolled(newer)
        for sentence in _warnings(saved, newer, unknown):
            _warn(f"{prices}: {sentence}")
        saved = now
    return forecast_records(saved, horizon or most, quantiles or saved.bounds)


def _warnings(saved: Model, newer: Panel, unknown: Sequence[str]) -> Iterator[str]:
    """What is odd about newer prices, in sentences: they may not be what the reader meant."""
    same, late, far = list[str](), list[str](), list[str]()
    most = max(saved.settings.max_age_days, LATE)
    for symbol, last, recent, level in zip(
        saved.symbols, saved.last_days.tolist(), saved.recent, saved.levels, strict=True
    ):
        column = newer.places.get(symbol)
        days = np.zeros(0) if column is None else newer.days[:, column]
        later = (days > last) & (days < NEVER)
        if not later.any():
            same.append(symbol)
            continue
        late += [symbol] if newer.days[later, column][0] - last > most else []
        known = newer.price_on(symbol, last)
        path = np.append(recent[-1] if known is None else known, newer.prices[later, column])
        larger, smaller = np.maximum(path[1:], path[:-1]), np.minimum(path[1:], path[:-1])
        far += [symbol] if not level and (larger >= FAR * smaller)[smaller > 0].any() else []
    if unknown:
        yield f"the model does not know {_quoted(unknown)}; left out."
    if same:
        yield f"no price of {_quoted(same)} is newer than the model's last; forecast from that one."
    if late:
        yield (
            f"the first newer price of {_quoted(late)} comes more than {most} days after the "
            "model's last; train again."
        )
    if far:
        yield (
            f"a newer price of {_quoted(far)} is at least {FAR} times the one before, or at most "
            f"1/{FAR} of it; check its unit."
        )
    if unranged := saved.loses_ranges(newer):
        yield (
            f"no day of {_quoted(unranged)} has a plausible open, high and low, unlike the days "
            "that the model was trained on; squared changes replace the ranges."
        )


def as_table(records: Sequence[Record]) -> str:
    """Records as aligned text; a symbol's prices all have the decimals that suit its first."""
    names = list(records[0])
    lines = [[name.replace("_", " ") for name in names]]
    decimals = {record["symbol"]: _decimals(record["point"]) for record in reversed(records)}
    for record in records:
        shown = [_printable(record["symbol"]), record["from"], str(record["days_ahead"])]
        numbers = [record[name] for name in names[3:]]
        lines.append([*shown, *(_price(price, decimals[record["symbol"]]) for price in numbers)])
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    rows = [
        [cell.ljust(width) for cell, width in zip(line[:2], widths, strict=False)]
        + [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
        for line in lines
    ]
    return "".join("  ".join(row).rstrip() + "\n" for row in rows)


def as_json(records: Sequence[Record]) -> str:
    """Records as a JSON array, one per line, with all digits."""
    return "[\n" + ",\n".join(json.dumps(record, allow_nan=False) for record in records) + "\n]\n"


FORMATS = {"table": as_table, "json": as_json, "csv": as_csv}


def _decimals(price: float) -> int:
    if not price:
        return 2
    return min(max(DIGITS - 1 - math.floor(math.log10(abs(price))), 2), 12)


def _price(price: float, decimals: int) -> str:
    return f"{price:.{decimals}f}" if abs(price) < 1e15 else f"{price:.{DIGITS}g}"


def _printable(symbol: str) -> str:
    return symbol if symbol.isprintable() else ascii(symbol)


def _quoted(symbols: Sequence[str]) -> str:
    return some_of([*map(repr, symbols)])


def _warn(sentence: str) -> None:
    print(f"{PROGRAM}: " + " ".join(sentence.split()), file=sys.stderr)


def _print(text: str) -> int:
    """Write to standard output in any locale; the reader may stop early."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        drop_output()
        if not isinstance(error, BrokenPipeError):
            raise
    return 0


def _probabilities(text: str) -> list[float]:
    try:
        levels = sorted({float(part) for part in text.split(",")})
    except ValueError:
        levels = []
    if not levels or not all(0 < level < 1 for level in levels):
        raise argparse.ArgumentTypeError(
            f"found {text!r}, allowed: probabilities above 0 and below 1, such as 0.05,0.5,0.95"
        )
    return levels


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with a one-sentence error, as the other commands do."""
        _warn(f"{message[:1].upper()}{message[1:]}. See `{PROGRAM} --help`.")
        sys.exit(2)


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = _Parser(
        prog=PROGRAM,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Print a deployed model's forecasts. Needs only the model's file and numpy.",
        epilog=f"for example:\n  {PROGRAM} --model results/deployed_model.json --horizon 5",
    )
    add = parser.add_argument
    add("--model", type=Path, required=True, metavar="FILE", help="the file of a deployed model")
    add("--horizon", type=int, metavar="DAYS", help="days ahead; if not given, all forecast days")
    add("--symbol", action="append", help="a symbol; may be repeated; if not given, all")
    add(
        "--quantiles",
        type=_probabilities,
        metavar="LEVELS",
        help="such as 0.05,0.5,0.95; if not given, the bounds of the model's interval",
    )
    add(
        "--prices",
        type=Path,
        metavar="FILE",
        help="newer clean records to forecast from, best from the last one that the model knows",
    )
    add("--format", choices=FORMATS, default="table", help="output format; if not given, a table")
    return parser
