"""Take in what a source has now: receive, read, accept and merge it with earlier deliveries."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import orjson

from pricewright.files.errors import Refusal
from pricewright.files.large_arrays import Shelf
from pricewright.intake import deliveries as snapshot
from pricewright.intake.archive import Acceptance, Archive, Delivery, Mode
from pricewright.intake.comparison import compare, difference, losses
from pricewright.intake.continuation import check_continuation
from pricewright.intake.deliveries import (
    Snapshot,
    State,
    apply_deliveries,
    empty_state,
    with_values_alone,
    without,
)
from pricewright.intake.members import Member
from pricewright.intake.one_symbol import check_one_symbol, symbol_of_file
from pricewright.intake.reading.content import recognise
from pricewright.intake.reading.delivery import Reading, read_delivery
from pricewright.intake.reading.dialect import FROM_FILE, Dialect, Limits
from pricewright.intake.reading.refusals import NoRows, NothingYet, message_shown
from pricewright.intake.shared_days import Overlap
from pricewright.intake.sources.source import Item
from pricewright.steplog.log import logger, say
from pricewright.tables.prices import Prices

_NO_PRICES = re.compile("which column holds the (date|close)|there is no header|holds a message")
"""Matches a refusal of a file that may hold no prices and only lie beside those that do."""


NOT_COMPARED = "not-compared"
"""What a restatement says of a delivery if the one that it replaces cannot be read."""


@dataclass(frozen=True, kw_only=True)
class IntakeTerms:
    """How deliveries are read and merged.

    max_shrink: the share by which a delivery may have fewer kept rows than the one it replaces.
    max_quarantined: the share of a delivery's rows that may be quarantined.
    last_day: the last date that is not in the future; None means the day of reception.
    code: returns the digest of the code that reads and merges.
    """

    dialect: Dialect
    mode: Mode
    max_shrink: float
    max_quarantined: float
    limits: Limits
    last_day: date | None
    threads: int
    code: Callable[[], str]


@dataclass(frozen=True)
class Intake:
    """The result of all deliveries.

    facts: what happened to the rows of each current delivery, with its quarantined rows.
    earlier: the deliveries that later ones replaced.  snapshot: what to keep, under the key that
    `key` returns.
    """

    state: State
    facts: Sequence[dict[str, Any]]
    earlier: Sequence[Delivery]
    restatements: Sequence[Mapping[str, Any]]
    snapshot: Snapshot
    key: Callable[[], str]


def take_in(items: Sequence[Item], archive: Archive, terms: IntakeTerms, today: date) -> Intake:
    """Receive what is new, and merge it with what was accepted before.

    With a declared last day, a delivery that holds only later dates waits: it is accepted, and
    counts, once that day is declared. The new deliveries are accepted together or not at all, but
    their bytes are kept in any case. Raises Refusal for a delivery that is refused, and OSError
    for a failure that may pass.
    """
    acceptances = archive.acceptances()
    known = [each for acceptance in acceptances for each in acceptance.deliveries]
    last = {delivery.place: delivery for delivery in known}
    new = _received(items, archive, last, today)
    for delivery in new:
        say("received", place=delivery.place, bytes=delivery.bytes, sha256=delivery.sha256)
    reader = _Reader(archive, terms, _digests(new))
    try:
        made, entries = reader.after(known, new)
    except NothingYet:
        known, new = ([each for each in some if reader.has_come(each)] for some in (known, new))
        if terms.last_day is None or not (known or new):
            raise
        made, entries = reader.after(known, new)
    present = {item.place for item in items}
    check_one_symbol(terms.dialect.symbol, [*known, *new], made, entries, present)
    what = {(delivery.place, delivery.sha256): delivery for delivery in new}
    places = [what.get((facts["place"], facts["sha256"])) for facts in made.facts]
    numbered = [(number, delivery) for number, delivery in enumerate(places) if delivery]
    formats = terms.dialect.calendar.date_formats
    check_continuation(made.state, numbered, entries, formats, terms.max_shrink)
    if new:
        archive.accept(Acceptance(new, entries))
    everything = [*known, *new]
    current = current_of(everything, terms.mode)
    counted = set(current)
    archive.pack(_replaced([*current_of(known, terms.mode), *new], current, terms.mode))
    _check_sums(made)
    return Intake(
        with_values_alone(made.state),
        made.facts,
        [delivery for delivery in everything if delivery not in counted],
        [*(entry for acceptance in acceptances for entry in acceptance.restatements), *entries],
        made,
        partial(_key, current, terms),
    )


def _received(
    items: Sequence[Item], archive: Archive, last: Mapping[str, Delivery], today: date
) -> list[Delivery]:
    """Receive each item whose delivery differs from the last one at its place; keep all bytes."""
    new: list[Delivery] = []
    holders: dict[Item, str] = {}
    for item in items:
        delivery = archive.receive(item, last.get(item.place), today)
        if delivery and isinstance(item, Member):
            if item.archive not in holders:
                holders[item.archive] = archive.keep(item.archive)
            delivery = replace(delivery, packed_in=holders[item.archive])
        new += [delivery] if delivery else []
    archive.settle()
    return new


def current_of(deliveries: Sequence[Delivery], mode: Mode) -> list[Delivery]:
    """The deliveries that still count, in the order they came in."""
    if mode == "append":
        return list(deliveries)
    places = ["" if mode == "whole" else delivery.place for delivery in deliveries]
    newest = {place: number for number, place in enumerate(places)}
    return [deliveries[number] for number in sorted(newest.values())]


def _replaced(
    before: Sequence[Delivery], current: Sequence[Delivery], mode: Mode
) -> dict[str, str]:
    """Map the SHA-256 of each delivery that no longer counts to that of its replacement."""
    digests = set(_digests(current))
    following = {"" if mode == "whole" else each.place: each.sha256 for each in current}
    places = {each.sha256: "" if mode == "whole" else each.place for each in before}
    return {
        sha256: following[place]
        for sha256, place in places.items()
        if sha256 not in digests and place in following
    }


class _Reader:
    """Reads deliveries from the archive on the given terms.

    just_kept: the SHA-256 of the deliveries whose bytes were stored a moment ago.
    """

    def __init__(self, archive: Archive, terms: IntakeTerms, just_kept: Sequence[str]) -> None:
        self._archive, self._terms, self._just_kept = archive, terms, set(just_kept)

    def after(
        self, known: Sequence[Delivery], new: Sequence[Delivery]
    ) -> tuple[Snapshot, list[dict[str, Any]]]:
        """The state after the new deliveries, and what they restated."""
        mode = self._terms.mode
        current = current_of(known, mode)
        if mode == "whole":
            return self._each_whole(current, new)
        following = current_of([*known, *new], mode)
        still = set(following)
        replaced = [number for number, delivery in enumerate(current) if delivery not in still]
        before = self._made(current)
        if not replaced:
            return self._added(before, current, new)
        after = self._with_parts_replaced(before, current, new, following, set(replaced))
        compared = compare(before.state, after.state)
        lost, successors = losses(compared), {facts["place"]: facts for facts in after.facts}
        for number in replaced:
            facts = before.facts[number]
            gone, other = (int(counts[number]) for counts in lost)
            self._check_shrink(facts, successors[facts["place"]], gone, other)
        return after, difference(compared, _digests(current), _digests(following))

    def _with_parts_replaced(
        self,
        before: Snapshot,
        current: Sequence[Delivery],
        new: Sequence[Delivery],
        following: Sequence[Delivery],
        gone: Collection[int],
    ) -> Snapshot:
        """The state after `following`, when some of the current deliveries are gone.

        gone: the numbers of those deliveries. Reads only the new deliveries, unless a replaced one
        affected the rows of others.
        """
        kept = [each for number, each in enumerate(current) if number not in gone]
        facts = [each for number, each in enumerate(before.facts) if number not in gone]
        state = without(before.state, gone) if _have_same_columns(before.facts) else None
        if state and [*kept, *new] == list(following):
            return self._added(Snapshot(state, facts), kept, new)[0]
        return self._added(Snapshot(empty_state(), []), [], following, others=len(kept))[0]

    def has_come(self, delivery: Delivery) -> bool:
        """Whether a delivery has any row that is not dated after the last day."""
        try:
            self._read_alone(delivery, Shelf())
        except NothingYet:
            say("has only later dates", place=delivery.place, last_day=self._terms.last_day)
            return False
        return True

    def _each_whole(
        self, current: Sequence[Delivery], new: Sequence[Delivery]
    ) -> tuple[Snapshot, list[dict[str, Any]]]:
        """Let each new delivery replace the one before it."""
        if not new:
            return self._made(current), []
        entries: list[dict[str, Any]] = []
        for delivery in new:
            after, _ = self._added(Snapshot(empty_state(), []), [], [delivery])
            if current:
                entries += self._compared(current[0], delivery, after)
            current = [delivery]
        return after, entries

    def _compared(
        self, earlier: Delivery, delivery: Delivery, after: Snapshot
    ) -> list[dict[str, Any]]:
        try:
            before = self._made([earlier])
        except Refusal as refusal:  # the config may describe the new delivery only
            logger.warning(
                "%s: not compared with the delivery before, and source.max_shrink not checked, "
                "because that delivery cannot be read: %s",
                *(delivery.place, refusal),
            )
            return [
                {"what": NOT_COMPARED, "why": str(refusal)}
                | {"old_sha256": earlier.sha256, "new_sha256": delivery.sha256}
            ]
        compared = compare(before.state, after.state)
        gone, other = (int(counts[0]) for counts in losses(compared))
        self._check_shrink(before.facts[0], after.facts[0], gone, other)
        return difference(compared, [earlier.sha256], [delivery.sha256])

    def _made(self, current: Sequence[Delivery]) -> Snapshot:
        """The state of some accepted deliveries: from the snapshot if it fits, else read again."""
        key = partial(_key, current, self._terms)
        found = snapshot.load_snapshot(self._archive.history / "snapshot", key)
        if found:
            return found
        return self._added(Snapshot(empty_state(), []), [], current)[0]

    def _added(
        self,
        before: Snapshot,
        current: Sequence[Delivery],
        new: Sequence[Delivery],
        *,
        others: int | None = None,
    ) -> tuple[Snapshot, list[dict[str, Any]]]:
        """Add new deliveries to a state; return the new state and what they restated.

        others: how many deliveries read earlier stay, if that is not the number of current ones.
        """
        if not new:
            return before, []
        shelf, others = Shelf(), len(current) if others is None else others
        read = [self._read(delivery, others, shelf) for delivery in new]
        prices, facts = [prices for prices, _ in read], [facts for _, facts in read]
        if not len(before.state.prices) and not any(map(len, prices)):
            raise Refusal(f"{new[0].place}: the first delivery has no rows; deliver prices.")
        read.clear()
        ways = Counter(
            orjson.dumps(_how(each["settings"]))
            for each in facts
            if each["sha256"] not in self._just_kept
        )
        for way, count in ways.items():
            say("read again", deliveries=count, **orjson.loads(way))
        every = [*current, *new]
        try:
            state, entries = apply_deliveries(before.state, prices, _digests(every))
        except Overlap as overlap:
            if not current:
                raise overlap.refusal([delivery.place for delivery in new]) from None
            # bars that were joined may have a gap in which a share fits: look at each share
            made, entries = self._added(Snapshot(empty_state(), []), [], every, others=others)
            came = set(_digests(new))
            return made, [entry for entry in entries if entry["new_sha256"] in came]
        return Snapshot(state, [*before.facts, *facts]), entries

    def _read(self, delivery: Delivery, before: int, shelf: Shelf) -> tuple[Prices, dict[str, Any]]:
        """The prices of a delivery and what happened to its rows; before: how many it adds to."""
        try:
            return self._read_alone(delivery, shelf)
        except NothingYet:
            raise
        except Refusal as refusal:
            text = str(refusal).removesuffix(".")
            if before and "source." in text:
                text += f", if that also reads earlier deliveries ({before}), else correct the file"
            if self._terms.mode == "parts" and _NO_PRICES.search(text):
                text += ", or, if it holds no prices, list it in source.leave_out"
            raise Refusal(f"{text}.") from None

    def _read_alone(self, delivery: Delivery, shelf: Shelf) -> tuple[Prices, dict[str, Any]]:
        last_day = self._terms.last_day or date.fromisoformat(delivery.last_day)
        dialect = self._terms.dialect
        calendar = replace(dialect.calendar, last_day=last_day)
        dialect = replace(dialect, calendar=calendar, symbol=_symbol(dialect, delivery))
        just_kept = delivery.sha256 in self._just_kept
        with self._archive.whole(delivery, just_kept=just_kept) as path:
            content = recognise(path, delivery.place, self._terms.limits, dialect.encoding)
            try:
                with message_shown(content):
                    reading = read_delivery(content, dialect, self._terms.threads, shelf)
            except NoRows:
                if self._terms.mode == "whole":
                    raise
                if just_kept:
                    say("has no rows, so it adds nothing", place=delivery.place)
                return empty_state().prices, _no_rows(delivery)
            as_of = self._terms.last_day is not None
            reading.check_share(self._terms.max_quarantined, delivery.place, as_of=as_of)
            if just_kept:
                say("read", place=delivery.place, **_how(reading.settings))
            return reading.with_span, _facts(delivery, reading)

    def _check_shrink(
        self, before: Mapping[str, Any], after: Mapping[str, Any], gone: int, other: int
    ) -> None:
        """Raise Refusal if a delivery loses too much of the one it replaces.

        before, after: the facts of both.  gone: how many prices would be withdrawn or lose
        their value.  other: how many would become those of another series.
        """
        if after["in_bars"] < before["in_bars"] * (1 - self._terms.max_shrink):
            raise Refusal(
                f"{after['place']}: only {after['in_bars']} of its {after['rows']} rows can be "
                f"kept, but the delivery before had {before['in_bars']}; deliver all of it, "
                "correct its description under source, or raise source.max_shrink."
            )
        if gone + other > before["kept"] * self._terms.max_shrink:
            raise Refusal(
                f"{after['place']}: of the {before['kept']} prices of the delivery before, {gone} "
                f"would be withdrawn or lose their value, and {other} would become those of "
                "another series; if its dates are now written differently, correct "
                "source.date_formats; if it holds only new rows, set source.deliveries: append; if "
                "all of this is right, raise source.max_shrink."
            )


def _symbol(dialect: Dialect, delivery: Delivery) -> str | None:
    """The one symbol of a delivery, if it has one; `{file}` takes it from the file's name."""
    if dialect.symbol != FROM_FILE:
        return dialect.symbol
    name = symbol_of_file(delivery.place)
    if not dialect.is_symbol(name):
        raise Refusal(
            f"{delivery.place}: {name!r} is not a symbol, but source.symbol says that the file's "
            "name is one; rename the file, or change source.symbol_pattern."
        )
    return name


def _facts(delivery: Delivery, reading: Reading) -> dict[str, Any]:
    quarantine = reading.quarantine
    return _no_rows(delivery) | {
        "rows": reading.rows,
        "left_out": reading.left_out,
        "in_bars": reading.in_bars,
        "kept": len(reading.prices),
        "quarantined": quarantine.by_reason(),
        "missing": quarantine.values_by_reason(),
        "last_lost": [list(each) for each in reading.last_lost()],
        "settings": dict(reading.settings),
        "entries": reading.entries(delivery.place, delivery.sha256),
    }


def _no_rows(delivery: Delivery) -> dict[str, Any]:
    """The facts of a delivery without rows."""
    facts = {"place": delivery.place, "sha256": delivery.sha256, "bytes": delivery.bytes}
    counts = dict.fromkeys(("rows", "left_out", "in_bars", "kept"), 0)
    by_name: dict[str, Any] = {name: {} for name in ("quarantined", "missing")}
    return facts | counts | by_name | {"last_lost": [], "settings": {}, "entries": []}


def _how(settings: Mapping[str, Any]) -> dict[str, Any]:
    """How a delivery is written, for the log."""
    return {name: said for name, said in settings.items() if name != "columns"}


def _have_same_columns(facts: Sequence[dict[str, Any]]) -> bool:
    """Whether deliveries with rows are known to have the same columns, in the same order."""
    columns = [list(each["settings"]["columns"]) for each in facts if each["settings"]]
    return all(each and each == columns[0] for each in columns)


def _digests(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.sha256 for delivery in deliveries]


def _key(current: Sequence[Delivery], terms: IntakeTerms) -> str:
    named = [[delivery.place, delivery.sha256, delivery.last_day] for delivery in current]
    what = [named, repr(terms.dialect), terms.mode, str(terms.last_day), terms.code()]
    return hashlib.sha256(orjson.dumps(what)).hexdigest()


def _check_sums(made: Snapshot) -> None:
    """Check that each delivery's counts add up.

    rows = left out + in bars + quarantined, and kept bars = current prices + superseded.
    """
    origins, present = made.state.origins, np.zeros(len(made.facts), dtype=int)
    for rows in made.state.prices.blocks():
        present += np.bincount(origins[rows], minlength=len(present))
    counts = zip(made.facts, present.tolist(), made.state.superseded, strict=True)
    for facts, here, taken in counts:
        quarantined = sum(facts["quarantined"].values())
        seen = facts["left_out"] + facts["in_bars"] + quarantined
        if facts["rows"] != seen or facts["kept"] != here + taken:
            raise AssertionError(
                f"{facts['place']}: of {facts['rows']} rows, {facts['left_out']} are left out, "
                f"{quarantined} quarantined and {facts['in_bars']} in the {facts['kept']} kept: "
                f"{here} as prices, {taken} superseded; the sum is off, which is a bug in this "
                "program."
            )
