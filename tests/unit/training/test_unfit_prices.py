"""Prices that no one would choose: a listed fallback or one sentence, no warning and no NaN."""

import math

import numpy as np
import orjson
import pytest
from forecasts import garch_changes, records_of, trained, weekdays

from pricewright.files.errors import Refusal
from pricewright.forecasting.panel import panel_of

pytestmark = pytest.mark.filterwarnings("error")

DAYS = 320


def numbers(node):
    """Every number of a document."""
    if isinstance(node, dict):
        for part in node.values():
            yield from numbers(part)
    elif isinstance(node, list):
        for part in node:
            yield from numbers(part)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield node


def walk(days=DAYS, seed=1):
    return 50 * np.exp(np.cumsum(garch_changes(days, seed=seed)[:, 0]))


def made(tmp_path, histories, **options):
    """The model of some histories {symbol: prices or (days, prices)}, its numbers all there."""
    each = {
        symbol: found if isinstance(found, tuple) else (weekdays(len(found)), found)
        for symbol, found in histories.items()
    }
    records = records_of(panel_of(list(each), list(each.values())))
    model = trained(tmp_path, records, **({"refit": 20} | options))
    text = (tmp_path / "model.json").read_bytes()
    for word in (b"NaN", b"Infinity"):
        assert word not in text
    assert all(math.isfinite(number) for number in numbers(orjson.loads(text)))
    for symbol in model["symbols"].values():
        forecast = symbol["forecast"]
        for name in ("point", "lower", "upper", "volatility"):
            assert all(isinstance(price, float | int) for price in forecast[name])
        for low, high in zip(forecast["lower"], forecast["upper"], strict=True):
            assert low <= high
        if symbol["scale"] == "log" and not symbol["floor"]:
            assert all(price >= 0 for price in forecast["lower"])
    return model


def refused(tmp_path, histories, **options):
    """The one sentence that it is refused with."""
    with pytest.raises(Refusal) as refusal:
        made(tmp_path, histories, **options)
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert len(sentence) < 400
    return sentence


LOCATIONS = ("naive", "drift", "ses", "theta", "lightgbm")
VOLATILITIES = ("rolling", "ewma", "garch11", "har", "combined")
DISTRIBUTIONS = ("normal", "fhs", "conformal")
KINDS = [  # every pair of two kinds is there
    (location, volatility, DISTRIBUTIONS[(place + other) % 3])
    for place, location in enumerate(LOCATIONS)
    for other, volatility in enumerate(VOLATILITIES)
]


def small_market():
    """A late listing, gaps, a price below 0 and a plain one."""
    days = weekdays(DAYS)
    oil = walk(seed=4)
    oil[200:] -= oil[200:].max()
    keep = np.random.default_rng(3).random(DAYS) > 0.2
    return {
        "A": walk(seed=1),
        "GAPS": (days[keep], walk(seed=3)[keep]),
        "LATE": (days[-100:], walk(100, seed=2)),
        "OIL": oil,
    }


@pytest.mark.parametrize(("location", "volatility", "distribution"), KINDS)
def test_every_choice_makes_a_model_of_a_small_market(tmp_path, location, volatility, distribution):
    kinds = {"location": location, "volatility": volatility, "distribution": distribution}
    model = made(tmp_path, small_market(), **kinds)
    assert list(model["symbols"]) == ["A", "GAPS", "LATE", "OIL"]
    assert model["symbols"]["OIL"]["scale"] == "level"
    assert model["symbols"]["OIL"]["fallbacks"][0].startswith("scale: levels")
    assert model["metrics"]["pooled"]["symbols"] == 4
    notes = " ".join(model["symbols"]["LATE"]["fallbacks"])
    simpler = {"garch11": "ewma", "combined": "har"}.get(volatility)
    assert ("volatility" in notes) == bool(simpler)
    assert f"volatility: {simpler}, because 99 changes are fewer than 250" in notes or not simpler


@pytest.mark.parametrize(
    ("volatility", "options", "note"),
    [
        ("combined", {"window_days": 200}, "har, because 142 changes are fewer than 250"),
        ("garch11", {"embargo_days": 3000}, "ewma, because 0 changes are fewer than 250"),
        (
            "combined",
            {"embargo_days": 3000},
            "ewma, because 0 changes are fewer than 250 and there is too little history for the "
            "regression of har",
        ),
    ],
)
def test_a_fallback_has_its_true_reason(tmp_path, volatility, options, note):
    model = made(tmp_path, small_market(), volatility=volatility, **options)
    notes = model["symbols"]["A"]["fallbacks"]
    assert f"volatility: {note}" in notes


def test_a_price_that_did_not_move_where_it_counts_has_no_garch_and_says_so(tmp_path):
    """It moves again only within the embargo."""
    model = made(
        tmp_path,
        {"A": (weekdays(DAYS), walk()), "STILL": (weekdays(DAYS), still(0, DAYS - 55))},
        volatility="garch11",
        embargo_days=80,
    )
    (note,) = (n for n in model["symbols"]["STILL"]["fallbacks"] if n.startswith("volatility"))
    assert note == (
        "volatility: ewma, because its price did not change in the days that are estimated from"
    )


def moved(since, times, until=None):
    """Prices that are another number of times as high for some days."""
    prices = walk()
    prices[since:until] *= times
    return prices


def still(since, until, seed=1):
    """Prices that stand still for some days."""
    prices = walk(seed=seed)
    prices[since:until] = prices[since]
    return prices


def interrupted(last_days):
    """Prices of which the last are of years later."""
    days = weekdays(DAYS).copy()
    days[-last_days:] += 2000
    return days, walk()


@pytest.mark.parametrize(
    ("histories", "words"),
    [
        *(
            ({"FLAT": np.full(DAYS, price)}, "(FLAT: the price never changes)")
            for price in (7.0, 0.0, -3.0)
        ),
        *(
            ({"NEW": walk(count)}, f"(NEW: {count} observations, fewer than 40)")
            for count in (1, 2, 39)
        ),
        ({"STUCK": still(-45, None)}, "(STUCK: the last 40 prices are the same)"),
        (
            {f"N{n:03}": walk(30, seed=n) for n in range(300)},
            "(N000: 30 observations, fewer than 40;",
        ),
    ],
)
def test_prices_of_which_nothing_can_be_modelled_are_refused_in_a_sentence(
    tmp_path, histories, words
):
    assert f"no symbol can be modelled {words}" in refused(tmp_path, histories)


def test_a_constant_price_beside_others_is_left_out(tmp_path):
    model = made(tmp_path, {"A": walk(), "FLAT": np.full(DAYS, 7.0)})
    assert list(model["symbols"]) == ["A"]
    assert model["left_out"] == [{"symbol": "FLAT", "reason": "the price never changes"}]


@pytest.mark.parametrize("count", [40, 45, 46, 51])
def test_just_enough_observations_are_a_model_with_few_origins_or_none(tmp_path, count):
    model = made(tmp_path, {"NEW": walk(count)})
    assert model["metrics"]["origins"] == {40: 0, 45: 0, 46: 1, 51: 2}[count]
    assert model["acceptance"]["accepted"] is False
    if count < 46:
        assert model["metrics"]["pooled"]["model"]["mase"] is None
        assert model["metrics"]["pooled"]["mae_ratio"] is None


def test_an_empty_table_is_refused(tmp_path):
    with pytest.raises(Refusal, match="no column 'date', the records have nothing"):
        trained(tmp_path, [])


@pytest.mark.parametrize("count", [45, 61, 100])
def test_with_too_little_history_for_trees_the_last_price_is_expected(tmp_path, count):
    model = made(tmp_path, {"NEW": walk(count)}, location="lightgbm")
    assert model["trees"] is None
    found = model["symbols"]["NEW"]
    assert found["forecast"]["point"] == pytest.approx([found["last_price"]] * 5)
    note = "location: naive, because there is too little history for trees"
    assert note in found["fallbacks"]


def test_negative_prices_are_modelled_in_levels(tmp_path):
    model = made(tmp_path, {"OIL": walk() - 60, "A": walk(seed=2)})
    assert [found["scale"] for found in model["symbols"].values()] == ["log", "level"]
    assert "scale: levels" in model["symbols"]["OIL"]["fallbacks"][0]
    assert model["metrics"]["by_symbol"]["OIL"]["origins"] == 20


def test_a_history_that_begins_with_a_zero_is_modelled_in_levels(tmp_path):
    prices = walk()
    prices[0] = 0
    model = made(tmp_path, {"ZERO": prices})
    assert model["symbols"]["ZERO"]["scale"] == "level"


@pytest.mark.parametrize("place", [100, -30, -1])
def test_a_single_price_below_zero_leaves_logarithms_with_a_floor(tmp_path, place):
    prices = walk()
    prices[place] = -10
    found = made(tmp_path, {"OIL": prices, "A": walk(seed=2)})["symbols"]
    assert [found[symbol]["scale"] for symbol in ("OIL", "A")] == ["log", "log"]
    assert found["OIL"]["floor"] == prices[place - 1]
    assert found["A"]["floor"] == 0
    floor = f"scale: below {prices[place - 1]:g} logarithms continue as a straight line"
    assert found["OIL"]["fallbacks"][0].startswith(floor)
    assert not found["A"]["fallbacks"]
    assert place != -1 or found["OIL"]["forecast"]["lower"][-1] < -10


A = {"A": walk(seed=2)}
TWICE = weekdays(2 * DAYS)
APART = {"OLD": (TWICE[:DAYS], walk()), "YOUNG": (TWICE[DAYS:], walk(seed=2))}
STILL = A | {"EARLY": still(0, 150), "LATE": still(-39, None), "PEGGED": still(60, 300, seed=3)}
RISING = {"UP": np.round(50 * 1.001 ** np.arange(DAYS), 6)}
JUMPS = [(150, "naive"), (150, "theta"), (-30, "drift"), (-1, "ses"), (-5, "lightgbm")]
OLD_TOO = {"max_age_days": 10_000}
ODD = [
    *((A | {"SPLIT": moved(at, 1000)}, {"location": kind}) for at, kind in JUMPS),
    *((A | {"SPLIT": moved(at, 1e-3)}, {"location": kind}) for at, kind in JUMPS),
    *((A | {"SLIP": moved(-20, times, until=-19)}, {}) for times in (1000, 1e-3)),
    *((A | {"GAP": interrupted(days)}, OLD_TOO) for days in (100, 30)),
    # longer than the window
    *(({"GAP": interrupted(100)}, {"window_days": 30, "location": kind}) for kind in LOCATIONS[1:]),
    (APART, OLD_TOO),
    *((STILL, {"distribution": kind}) for kind in DISTRIBUTIONS),
    *(({"EARLY": still(0, 150)}, {"volatility": kind}) for kind in VOLATILITIES),
    *(({"RARE": np.repeat(walk(), every)[:DAYS]}, {}) for every in (5, 39)),
    # all outcomes are the same: there is nothing for trees to split by
    (RISING, {"location": "lightgbm", "volatility": "ewma"}),
]


@pytest.mark.parametrize(("histories", "options"), ODD, ids=",".join)
def test_odd_prices_are_no_crash(tmp_path, histories, options):
    assert list(made(tmp_path, histories, **options)["symbols"]) == sorted(histories)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_a_unit_is_no_crash_and_changes_no_score(tmp_path, unit):
    plain = made(tmp_path / "plain", {"A": walk()})
    model = made(tmp_path / "unit", {"A": unit * walk()})
    for name in ("mase", "pinball", "interval_score", "coverage"):
        found, expected = (m["metrics"]["pooled"]["model"][name] for m in (model, plain))
        assert found == pytest.approx(expected, rel=1e-6)
    found, expected = (m["symbols"]["A"]["forecast"]["upper"] for m in (model, plain))
    np.testing.assert_allclose(np.array(found) / unit, expected, rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_a_unit_of_levels_is_no_crash(tmp_path, unit):
    prices = {"OIL": unit * (walk() - 50)}
    assert made(tmp_path, prices)["symbols"]["OIL"]["scale"] == "level"


def test_sixty_years_of_one_symbol_are_a_model(tmp_path):
    days = weekdays(15_000, "1960-01-01")
    model = made(
        tmp_path, {"OLD": (days, walk(15_000))}, volatility="combined", distribution="conformal"
    )
    assert model["symbols"]["OLD"]["observations"] == 15_000
    assert model["symbols"]["OLD"]["fallbacks"] == []
    assert model["metrics"]["origins"] == 20


@pytest.mark.parametrize("horizon", [46, 250])
def test_a_horizon_longer_than_the_history_is_a_model_that_nothing_was_scored_of(tmp_path, horizon):
    model = made(tmp_path, {"A": walk(50)}, horizon=horizon)
    assert model["metrics"]["origins"] == 0
    assert model["metrics"]["first_origin"] is None
    assert "sparse" not in model["data"]
    assert not model["acceptance"]["accepted"]
    assert len(model["symbols"]["A"]["forecast"]["point"]) == horizon


def test_of_two_symbols_whose_calendars_never_overlap_one_is_too_old(tmp_path):
    model = made(tmp_path, APART)
    assert list(model["symbols"]) == ["YOUNG"]
    assert "the last price is of" in model["left_out"][0]["reason"]


def test_two_symbols_of_alternate_days_are_both_modelled(tmp_path):
    days = weekdays(2 * DAYS)
    model = made(tmp_path, {"EVEN": (days[::2], walk()), "ODD": (days[1::2], walk(seed=2))})
    origins = [found["origins"] for found in model["metrics"]["by_symbol"].values()]
    assert origins == [10, 10]  # their windows are twice as long as the dates are apart


def test_weekly_prices_are_a_model(tmp_path):
    days = weekdays(1).item() + 7 * np.arange(DAYS)
    model = made(tmp_path, {"A": (days, walk())})
    assert model["metrics"]["origins"] == 20


def test_weekly_prices_beside_daily_ones_are_a_model(tmp_path):
    days = weekdays(5 * 100)
    model = made(tmp_path, {"DAILY": (days, walk(500)), "WEEKLY": (days[4::5], walk(100))})
    assert model["data"]["sparse"] == {"symbols": 1, "days": 7.0, "least": 7.0, "most": 7.0}
    assert [found["origins"] > 0 for found in model["metrics"]["by_symbol"].values()] == [True] * 2


def test_duplicates_are_refused(tmp_path):
    records = records_of(panel_of(["A"], [(weekdays(DAYS), walk())]))
    with pytest.raises(Refusal, match="A has two prices on one day; clean the table first"):
        trained(tmp_path, [*records, records[5]])


@pytest.mark.parametrize("missing", [None, "7"])
def test_a_price_that_is_missing_or_text_is_refused(tmp_path, missing):
    records = records_of(panel_of(["A"], [(weekdays(DAYS), walk())]))
    with pytest.raises(Refusal):
        trained(tmp_path, [{**records[0], "close": missing}, *records[1:]])


def test_prices_before_1970_make_the_model_that_the_same_prices_make_later(tmp_path):
    days = weekdays(DAYS, "2020-01-01")
    figures = []
    for back in (0, 7 * 2_700):
        histories = {symbol: (days - back, walk(seed=seed)) for seed, symbol in enumerate("AB")}
        model = made(tmp_path, histories, refit=5)
        assert model["left_out"] == []
        figures.append((model["metrics"]["by_symbol"], model["metrics"]["pooled"]["model"]))
    assert model["cutoff"] == "1969-06-24"
    assert figures[0] == figures[1]
