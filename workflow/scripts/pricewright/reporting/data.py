"""The report's words on the data: what was delivered, quarantined, flagged and corrected."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pricewright.cleaning.options import FLAGS
from pricewright.evaluation.acceptance import WRONG_PRICE, deciding
from pricewright.files.errors import count_of, some_of
from pricewright.intake.reading.quarantine import REASONS

MOST_PERIODS = 60
"""The most periods of a calendar."""

_ACTIONS = {
    "set": "{column} {was} set to {value}",
    "split": "{rows:,} earlier rows adjusted for a split of {split}",
    "requote": "{rows:,} earlier rows converted to the new unit: {requote}",
    "rename": "{rows:,} earlier rows assigned to {to}",
    "delisted": "the last day; {rows:,} later rows left out",
    "drop": "the row left out",
}
"""What each kind of correction did, in words."""

SLIP, SPLIT = "unit-slip", "split-like"
"""The flags of prices that the verdict warns of."""

GRAVEST = (SLIP, SPLIT, "jump", "spike", "same-as", "repeat", "ended", "stale")
"""The flags to look at first: those that may be wrong prices, the likeliest first."""

Counted = list[tuple[str, int, str]]


def data_facts(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was delivered and what happened to it: pairs of label and text."""
    data, receipts = model["data"], model["receipts"]
    found = {}
    if came := receipts.get("ingest"):
        found["source"], found["sha256"] = came["source"], came["sha256"]
        found["delivered"] = f"{count_of(came['rows'], 'row')}; kept of them: {span(came)}"
        found["quarantine"] = _counted("row", came["quarantined"])
        if left_out := came["left_out"]:
            found["filtered"] = f"{count_of(left_out, 'row')} left out by source.where"
        if came["in_bars"] != came["kept"]:
            bars = came["kept"] - came["superseded"]
            found["bars"] = f"{count_of(bars, 'daily bar')} from {count_of(came['in_bars'], 'row')}"
        if cut := came.get("last_bar_lost"):
            days = [f"{symbol} on {day}" for symbol, some in cut.items() for day in some]
            found["cut short"] = f"{some_of(days)}: the day's last row is quarantined"
        if missing := came["missing"]:
            found["missing"] = _counted("value", missing)
        if changes := history_changes(came):
            found["restated"] = changes
    if cleaned := receipts.get("clean"):
        found["left out"] = (
            f"{count_of(cleaned['duplicates'], 'exact duplicate')}, {rows_left_out(cleaned)}"
        )
        corrected, filled = cleaned["corrected"], sum(cleaned["filled"].values())
        found["changed"] = (
            f"{count_of(corrected, 'declared correction')}, {count_of(filled, 'value')} filled in"
        )
        if bare := cleaned.get("without_adj_close"):
            found["adj_close"] = f"the close of {some_of(bare)}, which has none"
        found["flagged"] = _counted("flag", cleaned["flags"])
    return [*found.items(), ("kept", f"{count_of(data['rows'], 'row')}, {span(data)}")]


def rows_left_out(cleaned: Mapping[str, Any]) -> str:
    """The rows that `clean` left out besides duplicates, according to its receipt."""
    if "removed" not in cleaned:  # older receipts count both together
        return f"{count_of(cleaned['dropped'], 'row')} dropped"
    words = count_of(cleaned["dropped"], "incomplete row")
    removed = cleaned["removed"]
    return f"{words}, {removed:,} removed as declared" if removed else words


def history_changes(receipt: Mapping[str, Any]) -> str:
    """What later deliveries changed in earlier ones, by ingest's receipt; empty if nothing."""
    restated, rescaled, withdrawn = (
        receipt[what] for what in ("restated", "rescaled", "withdrawn")
    )
    if not (restated or rescaled or withdrawn):
        return ""
    words = [f"{count_of(restated, 'value')} restated", f"{count_of(withdrawn, 'row')} withdrawn"]
    return ", ".join([*words[:1], *[f"{rescaled:,} series rescaled"] * bool(rescaled), *words[1:]])


def counts_of_kinds(counts: Mapping[str, int]) -> str:
    """The count of each kind, largest first; empty if there are none."""
    kinds = sorted(((count, kind) for kind, count in counts.items() if count), reverse=True)
    return ", ".join(f"{count:,} {kind}" for count, kind in kinds)


def _counted(noun: str, counts: Mapping[str, int]) -> str:
    """The total and the count of each kind, largest first."""
    shown = counts_of_kinds(counts)
    return count_of(sum(counts.values()), noun) + (f": {shown}" if shown else "")


def span(facts: Mapping[str, Any]) -> str:
    """The number of symbols, and the first and last date."""
    return f"{count_of(facts['symbols'], 'symbol')}, {facts['first_date']} to {facts['last_date']}"


def quarantine_counts(model: Mapping[str, Any]) -> Counted:
    """Reason, number of rows and meaning for what ingest did not keep, largest first."""
    return _most_first(model["receipts"].get("ingest", {}).get("quarantined", {}), REASONS)


def flag_counts(quality: Mapping[str, Any]) -> Counted:
    """Flag, number of entries and meaning, largest first."""
    return _most_first(quality["flags"], FLAGS)


def flags_by_gravity(quality: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Symbol, dates, flag and finding of each entry: the gravest flags first, the newest first
    within each."""
    grave = {flag: len(GRAVEST) - place for place, flag in enumerate(GRAVEST)}
    order = sorted(
        quality.get("flagged", []),
        key=lambda entry: (
            grave.get(entry["flag"], 0),
            entry.get("last") or entry["date"],
            entry["symbol"] or "",
        ),
        reverse=True,
    )
    return [
        (
            entry["symbol"] or "",
            " to ".join(dict.fromkeys([entry["date"], entry.get("last") or entry["date"]])),
            entry["flag"],
            ", ".join(_found(entry)),
        )
        for entry in order
    ]


def deciding_days(criterion: Mapping[str, Any], quality: Mapping[str, Any]) -> list[str]:
    """For a criterion that a few days decide: a line per day, with its flags, and what to do."""
    days = deciding(criterion)
    lines = []
    for day in days:
        flags = [
            entry["flag"]
            for entry in quality.get("flagged", [])
            if entry["symbol"] == day["symbol"]
            and entry["date"] <= day["date"] <= (entry.get("last") or entry["date"])
        ]
        told = ", ".join(dict.fromkeys(flags)) or "no flag"
        lines.append(f"decided by {day['symbol']} on {day['date']} ({told})")
    return [*lines, WRONG_PRICE] if lines else []


def _found(entry: Mapping[str, Any]) -> Iterator[str]:
    if column := entry.get("column"):
        prices = [entry[name] for name in ("previous", "price") if entry.get(name) is not None]
        yield f"{column} {' to '.join(f'{price:.6g}' for price in prices)}".rstrip()
    if split := entry.get("split"):
        said = {True: ", as in adj_close", False: ", not so in adj_close", None: ""}
        yield split + said[entry["confirmed"]]
    if other := entry.get("other"):
        yield f"as {other}"
    if days := entry.get("rows") or entry.get("days"):
        yield count_of(days, "day")
    if proposed := entry.get("proposal"):
        yield proposed


def flags_by_period(quality: Mapping[str, Any], first: str, last: str) -> list[dict[str, Any]]:
    """How many entries of each flag begin or continue in each period from `first` to `last`.

    Periods are months, quarters or years: the finest that give at most MOST_PERIODS.
    """
    spans = [
        (entry["flag"], entry["date"][:7], entry.get("last", entry["date"])[:7])
        for entry in quality["flagged"]
    ]
    # flagged rows may since have been left out, so flags may lie outside the dates
    first = min([first[:7], *(begin for _, begin, _ in spans)])
    last = max([last[:7], *(end for _, _, end in spans)])
    months = np.arange(first, last, dtype="datetime64[M]").astype(str).tolist()
    for period in (str, _quarter, lambda month: month[:4]):
        periods = list(dict.fromkeys(map(period, [*months, last])))
        if len(periods) <= MOST_PERIODS:
            break
    place = {name: number for number, name in enumerate(periods)}
    counts: Counter[tuple[str, str]] = Counter()
    for flag, begin, end in spans:
        touched = periods[place[period(begin)] : place[period(end)] + 1]
        counts.update((flag, name) for name in touched)
    return [
        {"flag": flag, "period": name, "entries": counts[flag, name]}
        for flag in dict.fromkeys(flag for flag, _, _ in spans)
        for name in periods
    ]


def applied_corrections(model: Mapping[str, Any]) -> list[dict[str, str]]:
    """The corrections that people declared, as they were applied."""
    found = []
    for each in model["receipts"].get("clean", {}).get("corrections", []):
        texts = {key: str(each.get(key) or "") for key in ("symbol", "date", "reason")}
        found.append(texts | {"what": _ACTIONS[each["action"]].format_map(each)})
    return found


def _most_first(counts: Mapping[str, int], words: Mapping[str, str]) -> Counted:
    rows = [(name, count, words[name]) for name, count in counts.items() if count]
    return sorted(rows, key=lambda row: -row[1])


def _quarter(month: str) -> str:
    return f"{month[:4]} Q{(int(month[5:7]) + 2) // 3}"
