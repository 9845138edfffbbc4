"""The report as plain text, 80 columns wide: its sections and tables."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tabulate import tabulate

from pricewright.evaluation.acceptance import (
    BY_CHANCE,
    COVERAGES,
    ENOUGH_DAYS,
    TAILS,
    key_of,
    percent_key,
)
from pricewright.files.errors import count_of
from pricewright.reporting import data
from pricewright.reporting.figures import (
    NAMES,
    format_number,
    is_significant,
    limit,
    p_value,
    percent,
    qlike_difference,
    share_beyond,
    worst,
)
from pricewright.reporting.verdict import LOG, NO_RANGES, champion, method, verdict
from pricewright.tables.options import Bounds, Options
from pricewright.tables.symbol_columns import column_of

WIDTH = 80

JUDGED = {True: "met", False: "NOT MET", None: "not judged"}
"""Whether a criterion is met, in words."""

MOST = 5
"""The most symbols in a table, so that the text can be read at a glance; the page has them all."""

FEW = 3
"""The most symbols with notes that are listed."""

_LONGEST = len("-1.23456e-300")
"""The length of the longest price."""

_METHOD = ("why", "point", "volatility", "ranges", "shape", "scale", "price", "made", "leaks")
"""The labels of `method` that the text shows."""

_RISK_HEADING = (
    "Volatility and value-at-risk, one day ahead (QLIKE: lower is better, * if\n"
    "significant; VaR: share of days beyond it, Kupiec's p-value or symbols passed)"
)


@dataclass(frozen=True)
class PendingDecision:
    """A decision that people have to make: its name, statement, signatures needed and command."""

    name: str
    says: str
    required: int
    command: str


@dataclass(frozen=True)
class Pending:
    """The decisions needed before production.

    commands: further commands to type, by purpose.  nothing: why there are no decisions, if so.
    """

    decisions: Sequence[PendingDecision]
    commands: Mapping[str, str]
    nothing: str = ""


@dataclass(frozen=True, kw_only=True)
class ReportOptions(Options):
    """The title of a report, and how much it contains."""

    section = "report"

    title: Annotated[str | None, Bounds(least=1, most=60)] = None
    """The title of the reports; none: Prices."""
    digits: Annotated[int, Bounds(least=1, most=6)] = 3
    """Decimals of MASE and RMSSE in the text; fewer where a line has no room."""
    max_symbols: Annotated[int, Bounds(least=1, most=200)] = 20
    """The most symbols in a picture and in a table of the text (which shows 5 at most); the worst
    are shown."""

    @property
    def heading(self) -> str:
        """The title, or the default."""
        return self.title or "Prices"


def compose(
    model: Mapping[str, Any],
    *,
    model_path: str,
    sha256: str,
    layout: ReportOptions,
    written: Mapping[str, str],
    allow_unaccepted: bool = False,
    pending: Pending,
    quality: Mapping[str, Any] | None = None,
) -> str:
    """Write the text report on a model document.

    If there are more symbols than `layout.max_symbols` or MOST, the tables show the worst by
    interval score relative to the random walk's.

    written: further files, relative path by label.  allow_unaccepted: whether a model that is not
    accepted is deployed anyway.  pending: the decisions needed before production.  quality: the
    document of odd values in the data.
    """
    named = " ".join(layout.heading.split())  # a line break could forge a line of the report
    heading = f"{named}: model report"
    most = min(layout.max_symbols, MOST)
    states = model["symbols"]
    fallbacks = dict(zip(states, column_of(states, "fallbacks"), strict=True))
    said = verdict(model, allow_unaccepted=allow_unaccepted, quality=quality)
    left_out = {out["symbol"]: [out["reason"]] for out in model["left_out"]}
    sections = [
        [heading, "=" * len(heading)],
        ["Verdict", *_paragraphs(said)],
        ["Data", *labelled(data.data_facts(model))],
        *_flags(quality or {}),
        ["Acceptance", *_acceptance(model, quality or {})],
        ["Compared with the deployed model", *_paragraphs(champion(model))],
        [_errors_heading(model), *_errors(model, layout.digits, most)],
        [_RISK_HEADING, *_risk(model, most)],
        [
            f"Forecasts of {model['parameters']['price']} {model['parameters']['horizon']} days "
            f"ahead, {percent(model['parameters']['level'])} interval; one-day 97.5% VaR and ES",
            *_forecasts(model, most),
        ],
        [
            "The whole distribution: share of prices within each interval, all days ahead",
            *_coverages(model),
            *labelled(distribution(model)),
        ],
        ["The model", *labelled(_method(model))],
        *_notes("Fallbacks", fallbacks),
        *_notes("Left out of the model", left_out),
        [
            "Decisions needed before production",
            *_paragraphs(blocked(model, pending, allow_unaccepted=allow_unaccepted)),
            *_waiting(pending),
        ],
        ["Files", *_facts([("model", model_path), ("sha256", sha256), *written.items()])],
    ]
    page = "\n\n".join("\n".join(section) for section in sections) + "\n"
    # no control characters: a name may hold a terminal's escape sequence
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in page)


def distribution(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The distribution's scores relative to the random walk's, and its tests, by label."""
    pooled = model["metrics"]["pooled"]
    ours, plain = (pooled[who] for who in NAMES)
    names = {"pinball": "pinball", "crps": "CRPS", "interval_score": "interval"}
    ratios = [
        f"{name} {ours[key] / plain[key]:.3f}"
        for key, name in names.items()
        if plain[key] and ours[key] is not None
    ]
    var = [(percent(tail), percent_key(tail)) for tail in TAILS]
    tests = [
        f"at {name} for {found['independent']} of {count_of(found['tested'], 'symbol')} "
        f"({count_of(_exceptions_tested(model, tail), 'exception')})"
        for name, tail in var
        if (found := pooled["var"][tail])["tested"]
    ]
    apart = f"exceptions independent of the day before (Christoffersen) {', '.join(tests)}"
    counts, pit = pooled["pit"]["counts"], "unknown"
    if whole := sum(counts):
        pit = (
            f"each tenth has {min(counts) / whole:.1%} to {max(counts) / whole:.1%} of the "
            "outcomes (10% if it is right)"
        )
    return [
        ("scores", f"{', '.join(ratios)} times the random walk's" if ratios else "unknown"),
        ("PIT", pit),
        ("VaR", apart if tests else "too few days to test whether exceptions are independent"),
        ("ES", _shortfall(pooled["es"])),
    ]


def _exceptions_tested(model: Mapping[str, Any], tail: str) -> int:
    """The exceptions of a value-at-risk, of the symbols with enough days for its tests."""
    both = (
        column_of(model["metrics"]["by_symbol"], "var", tail, of) for of in ("days", "exceptions")
    )
    return sum(count for days, count in zip(*both, strict=True) if days >= ENOUGH_DAYS)


def _shortfall(found: Mapping[str, Any]) -> str:
    """How the expected shortfall at 97.5 % did, over all symbols."""
    if found["residual"] is None or found["score_difference"] is None:
        return "unknown: no loss was beyond its value-at-risk"
    gap = abs(found["residual"])
    size = "off" if gap < 0.005 else "too small" if found["residual"] < 0 else "too large"
    return (
        f"{size} by {gap:.2f} deviations on average (one-sided test that it is "
        f"too small: {p_value(found['p_value'])}); "
        f"joint score minus EWMA's {found['score_difference']:+.4f}"
    )


def blocked(
    model: Mapping[str, Any], pending: Pending, *, allow_unaccepted: bool = False
) -> list[str]:
    """A sentence if people can decide but the model will not be released, whatever they decide."""
    if model["acceptance"]["accepted"] or allow_unaccepted or not pending.decisions:
        return []
    return [
        "BLOCKED: this model is not accepted, so it is not released, whoever signs. To release "
        "such a model, set accept.allow_unaccepted: true and run again."
    ]


def labelled(facts: Sequence[tuple[str, str]], width: int = WIDTH, margin: str = "  ") -> list[str]:
    """Lines with labels on the left and texts on the right; long texts are wrapped."""
    widest = max((len(label) for label, _ in facts), default=0)
    indent = " " * (len(margin) + widest + 2)
    lines = []
    for label, text in facts:
        first = f"{margin}{label:<{widest}}  "
        lines += _folded(text, first, indent, width) or [first]
    return lines


def _folded(text: str, first: str, later: str, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=later, break_on_hyphens=False
    )


def _paragraphs(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in _folded(text, "  ", "  ")]


def _facts(facts: Sequence[tuple[str, str]]) -> list[str]:
    """A line each, never wrapped, so that paths and digests can be copied."""
    widest = max(len(label) for label, _ in facts)
    return [f"  {label:<{widest}}  {text}" for label, text in facts]


def _flags(quality: Mapping[str, Any]) -> list[list[str]]:
    """The section with the most serious flags, if there are any."""
    entries = data.flags_by_gravity(quality)
    if not entries:
        return []
    dates, flags = (max(6, *(len(entry[part]) for entry in entries[:MOST])) for part in (1, 2))
    rows = []
    for *place, found in entries[:MOST]:
        first, *more = textwrap.wrap(found, WIDTH - 16 - dates - flags) or [""]
        rows += [[*place, first], *(["", "", "", part] for part in more)]
    which = f", the {MOST} most serious of {len(entries):,}" if len(entries) > MOST else ""
    lines = _table(rows, ["symbol", "date", "flag", "found"], left=4)
    return [[f"Flags: odd but possible values in the data{which}", *lines]]


def _acceptance(model: Mapping[str, Any], quality: Mapping[str, Any]) -> list[str]:
    """Each criterion with its limit; those not met or not judged are explained below their line."""
    criteria = model["acceptance"]["criteria"]
    rows = []
    for name, found in criteria.items():
        value = format_number(found["value"], "criterion")
        rows.append([JUDGED[found["met"]], key_of(name), value, limit(found)])
    header, rule, *table = _table(rows, ["", "criterion", "value", "wanted"], left=2)
    indent = " " * header.index("criterion")
    lines = [header, rule]
    for line, found in zip(table, criteria.values(), strict=True):
        lines.append(line)
        if not found["met"]:
            said = [found["what"], *data.deciding_days(found, quality)]
            what = [part for text in said for part in textwrap.wrap(text, WIDTH - len(indent))]
            lines += [indent + part for part in what]
    wider = [
        f"{key_of(name)} {found['what'].rpartition('; ')[2].removesuffix(BY_CHANCE)}"
        for name, found in criteria.items()
        if found["what"].endswith(BY_CHANCE)
    ]
    why = "Limits wider than in config, to allow for chance (accept.chance). In config: "
    return lines + (_paragraphs([f"{why}{', '.join(wider)}."]) if wider else [])


def _errors_heading(model: Mapping[str, Any]) -> str:
    metrics, chosen = model["metrics"], model["parameters"]
    if not metrics["origins"]:
        return "Compared with the plain random walk"
    return (
        f"Compared with the plain random walk, {chosen['horizon']} days ahead from each of "
        f"{metrics['origins']} dates,\n{metrics['first_origin']} to {metrics['last_origin']}, "
        f"{metrics['pooled']['forecasts']:,} forecasts (errors: lower is better)"
    )


def _errors(model: Mapping[str, Any], digits: int, max_symbols: int) -> list[str]:
    """Errors and coverage next to the random walk's, the worst symbols first.

    Errors have `digits` decimals, or fewer if a line has no room for them.
    """
    metrics, level = model["metrics"], model["parameters"]["level"]
    scores = {symbol: metrics["by_symbol"][symbol] for symbol in worst(model)[:max_symbols]}
    whole = metrics["pooled"] | {"origins": metrics["origins"]}
    headers = ["symbol", "dates", "MASE", "walk", "RMSSE", "walk", f"{percent(level)} held", "walk"]
    lines: list[str] = []
    for decimals in range(digits, 0, -1):
        rows = [_error_row(symbol, found, decimals) for symbol, found in scores.items()]
        rows += _more(len(metrics["by_symbol"]) - max_symbols)
        lines = _table([*rows, _error_row("all", whole, decimals)], headers)
        if max(map(len, lines)) <= WIDTH:
            break
    return lines


def _error_row(name: str, metrics: Mapping[str, Any], digits: int) -> list[str]:
    row = [name, str(metrics["origins"])]
    for value in (metrics[who][key] for key in ("mase", "rmsse") for who in NAMES):
        is_short = value is not None and value < 1e4
        row.append(f"{value:.{digits}f}" if is_short else format_number(value, "ratio"))
    return row + [format_number(metrics[who]["coverage"], "share") for who in NAMES]


def _risk(model: Mapping[str, Any], max_symbols: int) -> list[str]:
    """Volatility compared with EWMA's, and back-tests of the value-at-risk, in the same order."""
    by_symbol, pooled = model["metrics"]["by_symbol"], model["metrics"]["pooled"]
    rows = [[symbol, *_risk_row(by_symbol[symbol])] for symbol in worst(model)[:max_symbols]]
    rows += _more(len(by_symbol) - max_symbols)
    found = pooled["volatility"]
    whole = ["all", str(found["days"]), format_number(found["qlike_difference"], "signed") + " "]
    for tail in TAILS:
        var = pooled["var"][percent_key(tail)]
        passed = f"{var['passed']}/{var['tested']}" if var["tested"] else "-"
        whole += [format_number(var["share"], "share"), passed]
    tails = [part for tail in TAILS for part in (f"{percent(tail)} VaR", "Kupiec")]
    return _table([*rows, whole], ["symbol", "days", "QLIKE-EWMA ", *tails])


def _risk_row(scores: Mapping[str, Any]) -> list[str]:
    found = scores["volatility"]
    mark = "*" if is_significant(found["p_value_holm"]) else " "
    row = [str(found["days"]), format_number(qlike_difference(scores), "signed") + mark]
    for tail in TAILS:
        row.append(format_number(share_beyond(scores, tail), "share"))
        row.append(format_number(scores["var"][percent_key(tail)]["kupiec"], "ratio"))
    return row


def _forecasts(model: Mapping[str, Any], max_symbols: int) -> list[str]:
    """Each symbol's forecast at the end of the horizon, in the order of the tables above.

    Very large and very small numbers have fewer digits if a line has no room for all.
    """
    states = {symbol: model["symbols"][symbol] for symbol in worst(model)[:max_symbols]}
    headers = ["symbol", "date", "price", "point", "from", "to", "VaR", "ES"]
    lines: list[str] = []
    for room in range(_LONGEST, 6, -1):
        rows = [_forecast_row(symbol, state, room) for symbol, state in states.items()]
        rows += _more(len(model["symbols"]) - max_symbols)
        lines = _table(rows, headers)
        if max(map(len, lines)) <= WIDTH:
            break
    return lines


def _forecast_row(name: str, state: Mapping[str, Any], room: int) -> list[str]:
    ahead = state["forecast"]
    ends = (ahead[part][-1] for part in ("point", "lower", "upper"))
    prices = (_fitted(price, 6, room) for price in (state["last_price"], *ends))
    risks = (_fitted(ahead[loss][0], 4, room - 1) for loss in ("var", "es"))
    return [name, state["last_date"], *prices, *risks]


def _fitted(value: float, digits: int, room: int) -> str:
    """A number with so many significant digits, or fewer if it is longer than `room`."""
    forms = [f"{value:.{most}g}" for most in range(digits, 0, -1)]
    return next((form for form in forms if len(form) <= room), forms[-1])


def _coverages(model: Mapping[str, Any]) -> list[str]:
    """Coverage of intervals of several levels over all symbols, next to the random walk's."""
    rows = []
    for who in NAMES:
        shares = model["metrics"]["pooled"][who]["coverages"]
        held = (format_number(shares[percent_key(level)], "share") for level in COVERAGES)
        rows.append([who.replace("_", " "), *held])
    return _table(rows, ["intervals of", *map(percent, COVERAGES)])


def _method(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the model was made, in short; the scale and ranges only if they are unusual."""
    return [
        (label, said)
        for label, said in method(model)
        if label in _METHOD and (label, said) not in (("scale", LOG), ("ranges", NO_RANGES))
    ]


def _notes(heading: str, notes: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """A section of notes on symbols, if there are any."""
    said = [(symbol, "; ".join(texts)) for symbol, texts in notes.items() if texts]
    if not said:
        return []
    lines = [line for note in said[:FEW] for line in _folded("  ".join(note), "  ", " " * 6)]
    more = [f"  ({len(said) - FEW:,} more)"] if len(said) > FEW else []
    return [[heading, *lines, *more]]


def _waiting(pending: Pending) -> list[str]:
    """Each decision with the signatures it needs; then the commands, one per line to be copied."""
    gates = pending.decisions
    if not gates:
        return [*_paragraphs([pending.nothing]), *_facts(list(pending.commands.items()))]
    return _facts(
        [
            *((gate.name, f"{_signatures(gate.required)}: {gate.says}") for gate in gates),
            ("to sign", next(gate.command for gate in gates if gate.name == "report")),
            *pending.commands.items(),
        ]
    )


def _signatures(count: int) -> str:
    return f"{count} signature{'s' * (count != 1)}"


def _more(count: int) -> list[list[str]]:
    return [[f"({count:,} more)"]] if count > 0 else []


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str], left: int = 1) -> list[str]:
    """The lines of a table; where it is too wide, long names are on a line of their own."""
    columns = [*["left"] * left, *["right"] * (len(headers) - left)]

    def drawn(longest: int) -> list[str]:
        alone = [len(row[0]) > longest for row in rows]
        named = [
            ["" if above else row[0], *row[1:], *[""] * (len(headers) - len(row))]
            for above, row in zip(alone, rows, strict=True)
        ]
        text = tabulate(
            named,
            headers,
            tablefmt="simple",
            colalign=columns,
            disable_numparse=True,
            preserve_whitespace=True,  # a blank stands where a mark is missing
        )
        heading, rule, *lines = (f"  {line}".rstrip() for line in text.split("\n"))
        found = [heading, rule]
        for above, row, line in zip(alone, rows, lines, strict=True):
            found += [f"  {row[0]}"] * above + [line] * (not above or len(row) > 1)
        return found

    longest = max((len(row[0]) for row in rows), default=0)
    excess = max(map(len, drawn(longest))) - WIDTH
    return drawn(longest - max(excess, 0))
