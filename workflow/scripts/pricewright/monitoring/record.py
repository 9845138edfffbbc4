"""The daily forecasts of the release in production, recorded before the outcome is known.

The release's model is updated by the day's clean prices without estimating anything, as in
`predict --prices`. The files are described in `record_days`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from pricewright.files.clock import Clock, date_of, day_number, now
from pricewright.files.disk import file_sha256, read_whole, sha256, write_whole
from pricewright.files.documents import read_json
from pricewright.files.errors import Refusal
from pricewright.files.provenance import code_digest
from pricewright.forecasting.document import open_model
from pricewright.forecasting.forecast_records import Record, as_csv, forecast_records
from pricewright.forecasting.histories import Since, read_newest, unfit_symbols
from pricewright.forecasting.model import Model
from pricewright.forecasting.panel import NEVER, Panel, from_scale
from pricewright.forecasting.volatility import RISKMETRICS, ewma
from pricewright.monitoring.record_days import (
    EVENT,
    FORECASTS,
    LIVE,
    OUTCOMES,
    PRODUCTION,
    RIVALS,
    TOGETHER,
    Day,
    days,
    newest_day,
    not_together,
    releases_shown,
    rows_together,
)
from pricewright.releases.history import check_link
from pricewright.releases.link import CURRENT
from pricewright.scheduling.sessions import Schedule, next_close, timetable
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import LEDGER
from pricewright.signoffs.policy import oneself
from pricewright.signoffs.signed_files import CANDIDATE, CLEANING, QUALITY, RECEIPT
from pricewright.steplog.log import in_words, logger, say
from pricewright.tables.arrays import Flags, Floats, Ints

if TYPE_CHECKING:
    import pyarrow as pa

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The quantiles that are recorded, in addition to the bounds of the model's own interval."""

RIVAL_LEVELS = (0.05, 0.95)
"""The quantiles on which the release is compared with its rivals."""

EWMA, CHALLENGER = "ewma", "challenger"
"""The rivals: a normal distribution with RiskMetrics' variance, and the newest trained model."""

MANY = 25
"""Once there are this many single days, their rows are put together in one file."""

_EWMA_DAYS = 500

_SCRIPTS = Path(__file__).resolve().parents[2]


class CannotForecast(Refusal):
    """The release's model cannot be updated by the day's prices."""


@dataclass(frozen=True)
class RecordedDay:
    """The release in production, its model as released, and its symbols' clean prices.

    shown: the recorded days of this release, and of the earlier releases that are shown.
    corrected: the symbols whose last price behind the newest forecasts is another one by now.
    """

    release: str
    model: Model
    panel: Panel
    shown: Mapping[str, Sequence[Day]]
    corrected: Sequence[str] = ()


def facts_of_day(receipts: Sequence[Path]) -> dict[str, Any]:
    """The arguments `facts` and `unfit` of `record_day`, from the day's receipts.

    receipts: those of `ingest` and `clean`, and the document of the flags; any may be missing.

    The fact `counted_by` is the digest of the thresholds for flags and of the code of both steps.
    If it changes, the counts of rows and flags cannot be compared with those of the day before.
    """
    documents = {Path(path).stem: read_json(path) for path in receipts}
    facts: dict[str, Any] = {}
    if came := documents.get("ingest"):
        reasons = came["quarantined"]
        facts["quarantined"] = sum(reasons.values()) - reasons.get("duplicate", 0)
    if quality := documents.get("data_quality"):
        facts["flags"] = sum(quality["flags"].values())
        codes = [code_digest(_SCRIPTS / f"{step}.py") for step in ("ingest", "clean")]
        facts["counted_by"] = sha256(repr([quality["thresholds"], *codes]).encode())
    return {"facts": facts, "unfit": unfit_symbols(documents)}


def record_switch(root: Path, config: Mapping[str, Any]) -> None:
    """After a release or a rollback, record its forecasts from the prices of the last run.

    A failure is only a warning: the switch stands, and the next run tries again.
    """
    try:
        record_day(
            root,
            root / f"results/prices_clean.{config['format']}",
            **facts_of_day([root / name for name in (RECEIPT, CLEANING, QUALITY)]),
            author=config["signoffs"]["author"],
            exchange=config["schedule"]["exchange"],
        )
    except (Refusal, OSError) as error:
        logger.warning("the first forecasts of this release are not recorded: %s", in_words(error))


def record_day(
    root: Path,
    table: Path,
    *,
    facts: Mapping[str, Any] | None = None,
    unfit: Collection[str] = (),
    author: str | None = None,
    exchange: str | None = None,
    clock: Clock = now,
) -> RecordedDay | None:
    """Record the forecasts of the release in production from the end of a clean table.

    facts: facts about the day, for its ledger line.
    unfit: symbols that are not forecast. Symbols whose last price is older than the model's
    `max_age_days` are not forecast, either.
    author: who ran it.  exchange: its sessions decide whether the record is late, if given.

    Returns None if nothing is in production. A recorded day of a release is never changed.

    Raises CannotForecast; LinkAstray if the release in production is not the one in the ledger;
    LinesLost if the ledger lost lines; Refusal if the exchange does not exist; OSError if something
    cannot be written. After an error nothing is recorded.
    """
    root = Path(root)
    production = root / PRODUCTION
    entries = ledger.read(root / LEDGER)
    release = check_link(root, entries)
    if release is None:
        return None
    with _no_forecast():  # for example, a model written by another version of the code
        model, _ = open_model(production / CURRENT / "model.json")
    challenger = _challenger(root)
    shown = releases_shown(days(root, entries=entries), release)
    whole = read_newest(table, model.settings.price, _since(shown, [model, challenger]))
    newest = int(whole.calendar[-1])
    day = str(date_of(newest))
    name = f"{day}-{release[:12]}"
    panel = _of(whole, model)
    with ledger.locked(production / LIVE):  # of two runs at once, only one writes
        shown = releases_shown(days(root), release)  # others may have written meanwhile
        own = shown[release]
        corrected: list[str] = []
        if any(each.date == day for each in own):
            corrected = _corrected(newest_day(own), panel)
        else:
            with _no_forecast():
                rolled = model.rolled(panel)
            present = rolled.of(_present(rolled, newest, unfit))
            records = _records(present, release)
            rivals = _rivals(challenger, rolled, panel, whole)
            files = {
                f"{FORECASTS}/{name}.parquet": _parquet(records),
                f"{FORECASTS}/{name}.csv": as_csv(records).encode(),
                f"{LIVE}/{name}{RIVALS}": _parquet(rivals),
            }
            if own and (outcomes := _outcomes(own[-1], panel)):
                files[f"{LIVE}/{name}{OUTCOMES}"] = _parquet(outcomes)
            if together := _together(own):
                files[f"{LIVE}/{name}{TOGETHER}"] = together
            for path, content in files.items():
                write_whole(production / path, content)
                (production / path).chmod(0o444)
            # a clock that was set back cannot backdate a forecast
            behind = ledger.is_behind(entries[-1], clock())
            entry = ledger.append(
                root / LEDGER,
                EVENT,
                who=oneself(author),
                clock=clock,
                release=release,
                date=day,
                late=is_late(whole, clock(), exchange) or behind,
                behind=behind,
                exchange=exchange,
                files={path: sha256(content) for path, content in files.items()},
                oldest=min(record["from"] for record in records),
                symbols=int((panel.days[panel.counts - 1, np.arange(len(panel))] == newest).sum()),
                **(facts or {}),
            )
            own.append(Day(entry, production))
            say("forecast", release=release, date=day, symbols=len(present.symbols))
        _renew_newest(own)
    return RecordedDay(release, model, panel, shown, corrected)


def _corrected(newest: Day, panel: Panel) -> list[str]:
    """The symbols whose last price behind a day's forecasts is another one in the panel."""
    try:
        table = newest.forecasts().to_pydict()
    except Refusal:  # a changed file, which the watch reports
        return []
    found = []
    for symbol, made, last in zip(table["symbol"], table["from"], table["last"], strict=True):
        price = panel.price_on(symbol, day_number(made))
        if price is not None and not np.isclose(price, last, rtol=1e-9, atol=0):
            found.append(symbol)
    return found


def _renew_newest(own: Sequence[Day]) -> None:
    """Copy the newest day's forecasts, unless they were changed since they were recorded."""
    day = newest_day(own)
    for name, newest in day.copies().items():
        try:
            content = day.content(name)
        except Refusal as refusal:  # the watch and `verify` also report it
            logger.warning("%s is not renewed: %s", newest, refusal)
            continue
        if not newest.exists() or read_whole(newest) != content:
            write_whole(newest, content)


@contextmanager
def _no_forecast() -> Iterator[None]:
    """Turn a Refusal in the block into CannotForecast: the release is to blame, not the files."""
    try:
        yield
    except Refusal as refusal:
        raise CannotForecast(str(refusal)) from None


def _records(model: Model, release: str) -> list[Record]:
    """The forecasts of an updated model, for the people who act on them."""
    last = dict(zip(model.symbols, model.last_prices.tolist(), strict=True))
    levels = sorted({*LEVELS, *model.bounds})
    return [
        record | {"last": last[record["symbol"]], "release": release}
        for record in forecast_records(model, model.settings.horizon, levels)
    ]


def is_late(panel: Panel, moment: datetime, exchange: str | None) -> bool:
    """Whether the day after the newest one is over, so that the prices are not current.

    With an exchange, that day is its next session, until the close. Without one it is the next
    weekday, or the next day of any kind if the last 30 days had prices on a weekend, until midnight
    UTC.
    """
    newest = date_of(int(panel.calendar[-1]))
    if exchange is not None:
        return moment >= next_close(exchange, newest)
    lately = panel.calendar[panel.calendar > panel.calendar[-1] - 30]
    weekends = bool(((lately + 3) % 7 >= 5).any())
    following = newest + timedelta(days=1)
    while not weekends and following.weekday() >= 5:
        following += timedelta(days=1)
    return moment.astimezone(UTC).date() > following


SPARSE = 7
"""Dates at least so many days apart may name weeks or months, not the days of the prices."""


def known_from(made: Ints, came: Ints, exchange: str | None) -> Ints:
    """(n,): when outcomes could be known, in seconds since 1970-01-01, UTC.

    made, came: (n,), the days of the last prices and of the outcomes. An outcome could be known at
    the end of its day in UTC or, if the exchange has a session then, at its close. An outcome that
    is SPARSE may be dated later than it was known, such as at the end of a month: of a day without
    trading, it could be known at the end of the last weekday or session before.
    """
    sparse = came - made >= SPARSE
    weekday = (came.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    ends = (came - np.where(sparse, np.maximum(weekday - 4, 0), 0) + 1) * 86_400
    if exchange is None or not len(came):
        return np.asarray(ends)
    first, last = date_of(int(came.min()) - 30), date_of(int(came.max()))
    at = datetime.combine(last, time(), UTC)
    known = timetable(Schedule(exchange=exchange, after_minutes=0), at, first).sessions
    days = np.array([day_number(session.day) for session in known])
    closes = np.array([int(session.due.timestamp()) for session in known])
    before = np.searchsorted(days, came, side="right") - 1
    there = (before >= 0) & (sparse | (days[before] == came))
    return np.where(there, closes[before], ends)


def _of(whole: Panel, model: Model) -> Panel:
    """The histories of the model's symbols, on its scales."""
    known = [whole.places[symbol] for symbol in model.symbols if symbol in whole.places]
    if not known:
        raise CannotForecast("the prices contain no symbol of the release in production.")
    return whole.columns(np.array(known, dtype=np.intp))


def _present(model: Model, newest: int, unfit: Collection[str]) -> list[str]:
    """The symbols of an updated model whose last price is current."""
    ages = newest - np.asarray(model.last_days)
    young = (ages <= model.settings.max_age_days).tolist()
    known = zip(model.symbols, young, strict=True)
    found = [symbol for symbol, is_young in known if is_young and symbol not in unfit]
    if not found:
        raise CannotForecast(
            f"no symbol has a credible newest price from the last {model.settings.max_age_days} "
            "days; see model.max_age_days."
        )
    return found


def _challenger(root: Path) -> Model | None:
    """The newest trained model, if it is not the release's and can be opened."""
    path = root / CANDIDATE / "model.json"
    current = root / "production" / CURRENT / "model.json"
    if not path.exists() or file_sha256(path) == file_sha256(current):
        return None
    try:
        return open_model(path)[0]
    except Refusal as refusal:
        say("no challenger", reason=str(refusal))
        return None


def _since(shown: Mapping[str, Sequence[Day]], models: Sequence[Model | None]) -> Since:
    """The first day from which prices are needed: to update the models, for the EWMA rival, and for
    the outcomes of the forecasts that are judged."""
    own: dict[str, int] = {}
    for model in filter(None, models):
        for symbol, day in zip(model.symbols, model.last_days.tolist(), strict=True):
            own[symbol] = min(day, own.get(symbol, day))
    oldest = [day.oldest for of in shown.values() for day in of]
    return Since(min(oldest, default=NEVER), _EWMA_DAYS, own)


def _rivals(challenger: Model | None, model: Model, panel: Panel, whole: Panel) -> list[Record]:
    """The rivals' one-day-ahead quantiles at RIVAL_LEVELS."""
    found = list(_by_ewma(model, panel))
    if challenger is None:
        return found
    try:
        challenger = challenger.rolled(_of(whole, challenger))
    except Refusal as refusal:
        say("no challenger", reason=str(refusal))
        return found
    known = set(model.symbols)
    return found + [
        {"rival": CHALLENGER} | {key: record[key] for key in ("symbol", "from", *_NAMES)}
        for record in forecast_records(challenger, 1, RIVAL_LEVELS)
        if record["symbol"] in known
    ]


_NAMES = [f"q{level!r}" for level in RIVAL_LEVELS]


def _by_ewma(model: Model, panel: Panel) -> Iterator[Record]:
    own = model.of(panel.symbols)
    lately = own.on_its_scales(panel.since(int(panel.calendar[-1]) - _EWMA_DAYS))
    with np.errstate(invalid="ignore"):
        variances = ewma(np.diff(lately.values, axis=0) ** 2, RISKMETRICS)
    ends, columns = lately.counts - 1, np.arange(len(lately))
    values, deviations = lately.values[ends, columns], np.sqrt(variances[ends, columns])
    off = np.array([NormalDist().inv_cdf(level) for level in RIVAL_LEVELS])
    prices = from_scale(values[:, None] + deviations[:, None] * off, own.levels, own.floors)
    for column, symbol in enumerate(lately.symbols):
        if np.isfinite(deviations[column]):
            made = date_of(int(lately.days[ends[column], column]))
            quantiles = dict(zip(_NAMES, prices[column].tolist(), strict=True))
            yield {"rival": EWMA, "symbol": symbol, "from": str(made), **quantiles}


def _outcomes(before: Day, panel: Panel) -> list[Record]:
    """The next price, where there is one, after each forecast of the previous recorded day.

    Both prices are as delivered now, because a series may have been rescaled since. The list is
    empty if that day's file was changed, which the watch reports.
    """
    try:
        table = before.forecasts()
    except Refusal as refusal:
        say("no outcomes", reason=str(refusal))
        return []
    symbols, made = table["symbol"].to_pylist(), table["from"].to_numpy()
    columns = np.array([panel.places.get(symbol, -1) for symbol in symbols], dtype=np.int64)
    came = next_prices(panel, columns, made.astype("datetime64[D]").astype(np.int64))
    return [
        {
            "symbol": symbols[place],
            "from": made[place].astype("datetime64[D]").item(),
            "date": date_of(int(came.days[place])),
            "was": float(came.was[place]),
            "came": float(came.came[place]),
        }
        for place in np.flatnonzero(came.there).tolist()
    ]


@dataclass(frozen=True)
class NextPrices:
    """The price of a symbol on a day, `was`, the next one, `came`, and its day, (n,) each.

    there: whether both prices exist.
    """

    there: Flags
    days: Ints
    was: Floats
    came: Floats


def next_prices(panel: Panel, columns: Ints, days: Ints) -> NextPrices:
    """The next prices after those of some symbols on some days, (n,) each.

    columns: the symbols' columns in the panel, -1 for a symbol that is not in it.
    """
    ordered = panel.days.T.astype(np.int64) + (np.arange(len(panel)) * (1 << 32))[:, None]
    found = np.searchsorted(ordered.ravel(), columns * (1 << 32) + days)
    length = panel.days.shape[0]
    rows = np.minimum(found - columns * length, length - 1)
    at = np.maximum(rows, 0), np.maximum(columns, 0)
    after = np.minimum(at[0] + 1, length - 1), at[1]
    there = (columns >= 0) & (panel.days[at] == days) & (rows + 1 < panel.counts[at[1]])
    return NextPrices(there, panel.days[after], panel.prices[at], panel.prices[after])


def _together(own: Sequence[Day]) -> bytes | None:
    """The rows of the earlier days that are not in a joint file yet, as one Parquet file.

    None while these days are fewer than MANY, or if one of their files was changed, which the watch
    reports.
    """
    single = not_together(own)
    if len(single) < MANY:
        return None
    try:
        return _as_parquet(rows_together(single))
    except Refusal as refusal:
        say("not put together", reason=str(refusal))
        return None


def _parquet(records: Sequence[Record]) -> bytes:
    import pyarrow as pa

    table = pa.Table.from_pylist(list(records))
    for name in {"from", "date"} & set(table.column_names):
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(pa.date32()))
    return _as_parquet(table)


def _as_parquet(table: "pa.Table") -> bytes:
    import pyarrow as pa
    import pyarrow.parquet

    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content
