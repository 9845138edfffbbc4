"""Extreme moves of a price: slips of units, unadjusted splits, jumps and spikes.

A slip of units is a price in cents instead of dollars, in thousands, or with its decimal point in
the wrong place.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from pricewright.cleaning.declarations import proposal
from pricewright.cleaning.options import FlagThresholds
from pricewright.cleaning.series import ENOUGH, Bools, Entry, Floats, Ints, SeriesPanel, medians
from pricewright.tables.arrays import log

AT_LEAST: Final = 5.0
"""A slip is at least this multiple, whatever its tolerance."""


def slips(
    symbol: Ints, place: Ints, ratio: Floats, limits: FlagThresholds
) -> tuple[Bools, Ints, Floats]:
    """Which moves (m,), ordered by symbol and place, are slips, where they end, and their factors.

    A slip is a move to about 10, 100, 1000 … times the price before (within `slip_tolerance`), or
    to the inverse, that is undone within `slip_days` prices. From 100 times on it need not be
    undone; a price that stays at ten times or a tenth is more likely a split. The end is the index
    of the move that undoes the slip, or -1; that move is not a slip itself. In a chain of moves
    that undo each other, slips and ends alternate. NaN is never a slip.
    """
    power = _power_of_ten(ratio, limits)
    ends = np.full(len(ratio), -1, dtype=np.int64)
    near = np.flatnonzero(power)
    undone = (
        (symbol[near[1:]] == symbol[near[:-1]])
        & (power[near[1:]] == -power[near[:-1]])
        & (place[near[1:]] - place[near[:-1]] <= limits.slip_days)
    )
    order = np.arange(len(near))
    chain = np.maximum.accumulate(np.where(np.append(False, undone)[: len(near)], 0, order))
    ending = (order - chain) % 2 == 1
    ends[near[:-1][ending[1:]]] = near[1:][ending[1:]]
    return (np.abs(power) >= 2) | (ends >= 0), ends, _factor(power)


def flag_slips_of_a_day(panel: SeriesPanel, limits: FlagThresholds) -> list[Entry]:
    """The flag `unit-slip` for an open, high or low about 10, 100 … times its own close, or the
    inverse."""
    found: list[Entry] = []
    if "close" not in panel.values:
        return found
    close, comparable = panel.values["close"], _in_ratios(panel, "close")
    for column in ("open", "high", "low"):
        if column in panel.values:
            price = panel.values[column]
            far = (price >= AT_LEAST * close) | (AT_LEAST * price <= close)
            rows = np.flatnonzero(far & (price > 0) & comparable)
            ratio = price[rows] / close[rows]
            power = _power_of_ten(ratio, limits)
            rows, ratio, power = rows[power != 0], ratio[power != 0], power[power != 0]
            found += panel.entries(
                "unit-slip",
                column,
                rows,
                price=price[rows],
                close=close[rows],
                ratio=ratio,
                factor=_factor(power),
            )
    return found


OFTEN: Final = 0.01
FEW: Final = 5
"""With a larger share and number of prices of 0 or below, a symbol's moves are differences, not
ratios; by default the model has it on levels then."""


def _in_ratios(panel: SeriesPanel, column: str) -> Bools:
    """(n,): whether a price is above 0, and of a symbol that seldom has others.

    A spread that goes from 0.01 to 0.8 has not moved by a factor of 80 in any useful sense.
    """
    price, count = panel.values[column], len(panel.symbols)
    low = np.bincount(panel.symbol[price <= 0], minlength=count)
    known = np.bincount(panel.symbol[np.isfinite(price)], minlength=count)
    often = low > np.maximum(OFTEN * known, FEW)
    return np.asarray((price > 0) & ~often[panel.symbol])


def _power_of_ten(ratio: Floats, limits: FlagThresholds) -> Ints:
    """The power of ten nearest to a ratio, 0 if none is near enough."""
    exact = np.nan_to_num(log(np.clip(ratio, _POWERS[0], _POWERS[-1])) / math.log(10))
    power = np.rint(exact).astype(np.int64)
    near = np.abs(exact - power) <= math.log10(1 + limits.slip_tolerance)
    return np.where(near, power, 0)


_FURTHEST: Final = 300
_POWERS: Final = np.array([float(f"1e{power}") for power in range(-_FURTHEST, _FURTHEST + 1)])


def _factor(power: Ints) -> Floats:
    return _POWERS[power + _FURTHEST]


_WHOLE = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 100)
_SPLITS: Final = sorted(
    [(5, 4), (4, 3), (3, 2), (5, 3), (5, 2)]
    + [(new, 1) for new in _WHOLE]
    + [(1, old) for old in _WHOLE],
    key=lambda split: split[1] / split[0],
)
"""New shares : old shares, ordered by the ratio by which they move the price."""
_RATIOS: Final = np.array([old / new for new, old in _SPLITS])
_BETWEEN: Final = np.sqrt(_RATIOS[1:] * _RATIOS[:-1])
_NO_DIVIDEND: Final = 1.2
"""A daily change of close / adj_close by at least this ratio is a split rather than a dividend."""
_MAD_OF_NORMAL: Final = 1.4826
"""A normal distribution's standard deviation, in median absolute deviations."""
_NEIGHBOURS: Final = 20
"""How many moves before a spike, and as many after it, show what is usual there."""
_MOST_MOVES: Final = 0.9
_NORMAL_QUANTILE: Final = 1.6449
"""90 % of a normal distribution is within this many standard deviations."""


_FEW_TICKS: Final = 3
"""A move of at most so many ticks is small, whatever its ratio."""
_OFF_A_TICK: Final = 0.01


@dataclass(frozen=True)
class _Moves:
    """All moves of one column, each array (m,), from one row with a positive price to the next.

    before, after: the rows.  symbol: the index of the symbol, of `count`.  old, new: the prices.
    ratio: new over old.
    """

    column: str
    count: int
    before: Ints
    after: Ints
    symbol: Ints
    old: Floats
    new: Floats
    ratio: Floats

    @classmethod
    def of(cls, panel: SeriesPanel, column: str) -> Self:
        before, after = panel.steps(_in_ratios(panel, column))
        old, new = panel.values[column][before], panel.values[column][after]
        symbol, count = panel.symbol[after], len(panel.symbols)
        return cls(column, count, before, after, symbol, old, new, new / old)

    def of_symbols_with(self, at: Ints) -> Bools:
        """Which moves (m,) are of the symbols that have one of the moves `at`."""
        asked = np.zeros(self.count, dtype=bool)
        asked[self.symbol[at]] = True
        return asked[self.symbol]


def flag_moves(panel: SeriesPanel, limits: FlagThresholds) -> list[Entry]:
    """The flags `unit-slip`, `split-like`, `jump` and `spike`: at most one for a symbol and date.

    A move goes from one positive price of a symbol to the next; symbols with many other prices have
    none (see `_in_ratios`). Moves of close are checked first, then those of adj_close on rows
    without a flag. A move is extreme if it is large (`jump_ratio`) and, for a symbol with at least
    20 moves, far from its median log return (`jump_z` times 1.4826 times the median absolute
    deviation) and of more than a few ticks.

    unit-slip: see `slips`.
    split-like: close / adj_close changes by the ratio of a split, and close changes with it
    (`confirmed` is true, however small the move). Or close makes an extreme move of such a ratio
    (`confirmed` is false if adj_close does not confirm it, null if there is no adj_close).
    jump: any other extreme move.
    spike: see `_flag_spikes`.
    """
    if panel.main is None:
        return []
    found: list[Entry] = []
    known = np.zeros(len(panel.symbol), dtype=bool)
    both = panel.main == "close" and "adj_close" in panel.values
    for column in ("close", "adj_close") if both else (panel.main,):
        moves = _Moves.of(panel, column)
        found += _flag_column(panel, moves, limits, known)
        found += _flag_spikes(panel, moves, limits, known)
    return found


def _flag_spikes(
    panel: SeriesPanel, moves: _Moves, limits: FlagThresholds, known: Bools
) -> list[Entry]:
    """The flag `spike` on rows without a flag; marks its rows in `known` (n,), the flagged ones.

    A spike is a price that is gone with the next one. It is at least `spike_ratio` times the
    geometric mean of its two neighbours, or the inverse. In logarithms, the neighbours differ by at
    most half as much. The spike must also be `spike_z` times what is usual around it, so that wild
    times have none. Usual is the 90 % quantile of the symbol's absolute log returns among the 20
    moves before and the 20 after, converted to a normal distribution's standard deviation. If more
    than about one move in a hundred is a spike, spikes are usual for the symbol and not flagged. A
    price that is off by a few ticks is none.
    """
    before, after, ratio = moves.before, moves.after, moves.ratio
    off = ratio[:-1] / ratio[1:]
    at = np.flatnonzero((after[:-1] == before[1:]) & _beyond(off, limits.spike_ratio**2))
    size, moved = np.abs(log(off[at])) / 2, np.abs(log(ratio[at] * ratio[at + 1]))
    at, size = at[moved <= size / 2], size[moved <= size / 2]
    score = size / _usual_about(moves, at)
    at, score = at[score >= limits.spike_z], score[score >= limits.spike_z]
    spikes, all_moves = (
        np.bincount(symbol, minlength=moves.count) for symbol in (moves.symbol[at], moves.symbol)
    )
    usual = (spikes > 1 + all_moves / 100)[moves.symbol[at]]
    new = ~usual & ~known[after[at]] & ~_of_few_ticks(moves, at)
    at, score = at[new], score[new]
    known[after[at]] = True
    return panel.entries(
        "spike",
        moves.column,
        after[at],
        previous_date=panel.iso(before[at]),
        previous=moves.old[at],
        price=moves.new[at],
        ratio=ratio[at],
        z=score,
        back=panel.iso(after[at + 1]),
        next=moves.new[at + 1],
    )


def _usual_about(moves: _Moves, at: Ints) -> Floats:
    """The usual size of moves around each spike (m,), without the spike's own two moves.

    NaN if there are fewer than 20 moves.
    """
    around = at[:, None] + np.append(np.arange(-_NEIGHBOURS, 0), np.arange(2, _NEIGHBOURS + 2))
    inside = np.clip(around, 0, max(len(moves.ratio) - 1, 0))
    own = (around == inside) & (moves.symbol[inside] == moves.symbol[at][:, None])
    sizes = np.where(own, np.abs(log(moves.ratio[inside])), np.nan)
    sizes = np.sort(sizes, axis=1)  # NaN sorts last
    number = own.sum(axis=1)
    high = (_MOST_MOVES * (number - 1)).astype(np.int64)
    usual = sizes[np.arange(len(at)), np.maximum(high, 0)] / _NORMAL_QUANTILE
    return np.where(number >= ENOUGH, usual, np.nan)


def _flag_column(
    panel: SeriesPanel, moves: _Moves, limits: FlagThresholds, known: Bools
) -> list[Entry]:
    """The other flags of a column on rows without a flag; marks its rows in `known` (n,)."""
    column, adjusted = moves.column, _adjusted(panel, moves)
    large = _beyond(moves.ratio, min(limits.jump_ratio, AT_LEAST))
    large |= _beyond(moves.ratio / adjusted, _NO_DIVIDEND)
    at = np.flatnonzero(large)
    before, after = moves.before[at], moves.after[at]
    ratio, adjusted = moves.ratio[at], adjusted[at]
    score, unadjusted = _scores(moves, at), ratio / adjusted
    extreme = _beyond(ratio, limits.jump_ratio)
    extreme &= ~(np.abs(score) < limits.jump_z)  # without a score, being large is enough
    extreme &= ~_of_few_ticks(moves, at)
    split, off = _nearest_split(unadjusted)
    confirmed = off <= limits.split_tolerance
    confirmed &= np.abs(log(ratio / unadjusted)) < np.abs(log(unadjusted)) / 2
    alike, off = _nearest_split(ratio)
    like = confirmed | (extreme & (off <= limits.split_tolerance) & (column != "adj_close"))
    slip, back, factor = slips(moves.symbol[at], at, np.where(confirmed, np.nan, ratio), limits)
    undone = np.zeros(len(ratio), dtype=bool)
    undone[back[back >= 0]] = True
    new = ~undone & ~known[after]

    def entries(flag: str, which: Bools, **more: npt.NDArray[Any]) -> list[Entry]:
        which = which & new
        return panel.entries(
            flag,
            column,
            after[which],
            previous_date=panel.iso(before[which]),
            previous=moves.old[at[which]],
            price=moves.new[at[which]],
            ratio=ratio[which],
            **{name: values[which] for name, values in more.items()},
        )

    labels = np.array(["{}:{}".format(*pair) for pair in _SPLITS], dtype=object)
    verdict = confirmed.astype(object)
    verdict[np.isnan(unadjusted)] = None
    returns = np.array([*panel.iso(after), None], dtype=object)[back]
    found = [
        *entries("unit-slip", slip, factor=factor, back=returns),
        *entries(
            "split-like",
            like & ~slip,
            z=score,
            split=labels[np.where(confirmed, split, alike)],
            adj_close_ratio=adjusted,
            confirmed=verdict,
        ),
        *entries("jump", extreme & ~like & ~slip, z=score),
    ]
    for entry in found:
        if entry["flag"] == "unit-slip" and entry["back"] is None and column == panel.main:
            day, factor = entry["date"][:10], entry["factor"]
            entry["proposal"] = proposal(
                f"it is quoted in another unit from {day} on",
                symbol=entry["symbol"],
                date=day,
                requote=f'"{max(1 / factor, 1):.0f}:{max(factor, 1):.0f}"',
                was=entry["previous"],
            )
        if entry["flag"] == "split-like" and not entry["confirmed"] and column == "close":
            entry["proposal"] = proposal(
                f"{entry['split']} is a split that earlier prices are not adjusted for",
                symbol=entry["symbol"],
                date=entry["date"][:10],
                split=f'"{entry["split"]}"',
                was=entry["previous"],
            )
    known[after[slip | like | extreme]] = True
    return found


def _of_few_ticks(moves: _Moves, at: Ints) -> Bools:
    """Which moves `at` are of few ticks: from 0.04 no price is nearer than 0.05.

    A tick is the smallest change of a symbol that has ENOUGH changes, if both prices of the move
    are multiples of it.
    """
    mine = moves.of_symbols_with(at)
    size = np.abs(moves.new[mine] - moves.old[mine])
    own, size = moves.symbol[mine][size > 0], size[size > 0]
    tick = np.full(moves.count, np.inf)
    np.minimum.at(tick, own, size)
    tick[np.bincount(own, minlength=moves.count) < ENOUGH] = np.nan
    old, new = (price[at] / tick[moves.symbol[at]] for price in (moves.old, moves.new))
    whole = np.maximum(*(np.abs(ticks - np.rint(ticks)) for ticks in (old, new)))
    return np.asarray((np.abs(new - old) < _FEW_TICKS + 0.5) & (whole < _OFF_A_TICK))


def _adjusted(panel: SeriesPanel, moves: _Moves) -> Floats:
    """(m,): for moves of close, the ratios by which adj_close moved; NaN if unknown."""
    if moves.column != "close" or "adj_close" not in panel.values:
        return np.full(len(moves.ratio), np.nan)
    positive = np.where(panel.values["adj_close"] > 0, panel.values["adj_close"], np.nan)
    return positive[moves.after] / positive[moves.before]


def _beyond(ratio: Floats, limit: float) -> Bools:
    return np.asarray((ratio >= limit) | (ratio <= 1 / limit))


def _scores(moves: _Moves, at: Ints) -> Floats:
    """Robust z-scores of the log returns of the moves `at`.

    NaN for symbols with few moves, infinite if most moves are equal.
    """
    asked = moves.of_symbols_with(at)
    at = (np.cumsum(asked) - 1)[at]
    returns, symbol = log(moves.ratio[asked]), moves.symbol[asked]
    returns -= medians(returns, symbol, moves.count)[symbol]
    spread = _MAD_OF_NORMAL * medians(np.abs(returns), symbol, moves.count)
    spread[np.bincount(symbol, minlength=moves.count) < ENOUGH] = np.nan
    return np.asarray(returns[at] / spread[symbol[at]])


def _nearest_split(ratio: Floats) -> tuple[Ints, Floats]:
    """The split whose ratio is nearest to each move, and the relative distance from it."""
    nearest = np.searchsorted(_BETWEEN, ratio)
    return nearest, np.abs(ratio / _RATIOS[nearest] - 1)
