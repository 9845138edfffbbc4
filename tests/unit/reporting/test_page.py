from copy import deepcopy
from typing import get_args

import pytest
from forecasts import trained

from conftest import market
from pricewright.evaluation.acceptance import failed, key_of
from pricewright.files.errors import Refusal, count_of
from pricewright.forecasting.model_file import named_model
from pricewright.forecasting.settings import DistributionKind, LocationKind, VolatilityKind
from pricewright.reporting import charts as pooled
from pricewright.reporting.drawing import FILE, svg
from pricewright.reporting.figures import interval_ratio, p_value, percent, worst
from pricewright.reporting.text import WIDTH, ReportOptions, compose
from pricewright.reporting.verdict import champion, method, verdict
from pricewright.signoffs.presentation import pending_decisions
from pricewright.tables.options import make

WHO = ("model", "random_walk")
SCREEN = 50
"""The lines of a terminal's window."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    records = market(symbols=3, days=150, seed=4)
    return trained(tmp_path_factory.mktemp("model"), records, refit=10, mae_ratio=0.5)


@pytest.fixture
def model(whole):
    """A model that is not accepted, because of its point forecast; to be changed at will."""
    return deepcopy(whole)


@pytest.fixture
def accepted(model):
    model["acceptance"]["accepted"] = True
    for found in model["acceptance"]["criteria"].values():
        found["met"] = True
    return model


def page(model, **settings):
    defaults = {"model_path": "results/model.json", "sha256": "a" * 64}
    defaults |= {"layout": make(ReportOptions, settings), "allow_unaccepted": False}
    defaults |= {
        "written": {"report": "results/report.txt"},
        "pending": pending_decisions(model, None),
    }
    others = settings.keys() - {"title", "digits", "max_symbols"}
    return compose(model, **(defaults | {name: settings[name] for name in others}))


def section(text, heading):
    """The lines of the section whose heading begins so, the heading's own included."""
    found = [part for part in text.split("\n\n") if part.startswith(heading)]
    assert len(found) == 1
    return found[0].splitlines()


def row(lines, name):
    return next(line for line in lines if f"{line} ".startswith(f"  {name} ")).split()[1:]


def flat(lines):
    return " ".join(" ".join(lines).split())


def renamed(model, names):
    """The model with other names for its symbols, in order."""
    for part in (model, model["metrics"]):
        key = "symbols" if part is model else "by_symbol"
        part[key] = dict(zip(names, part[key].values(), strict=True))
    return model


def record(verdict, **changes):
    found = {"sha256": "c" * 64, "cutoff": "2020-05-29", "verdict": verdict, "reason": None}
    found |= {"symbols": 3, "origins": 19, "origins_it_knew": 0}
    ours = {"mase": 1.0, "crps": 0.5, "coverage": 0.9}
    both = {"challenger": ours, "champion": {name: 1.1 * value for name, value in ours.items()}}
    found["metrics"] = {"pooled": both, "by_symbol": {}}
    return {"champion": found | {"difference": -0.021, "lower": -0.03, "upper": -0.012} | changes}


MISSED = {
    "value": "no difference",
    "limit": "better or no difference",
    "side": "one",
    "met": False,
    "what": "compared with the model now deployed",
}
"""The criterion of a champion, as it is not met."""


# The numbers


@pytest.mark.parametrize("digits", [1, 3, 6])
def test_every_error_on_the_page_is_the_models(model, digits):
    lines = section(page(model, digits=digits), "Compared with the plain random walk")
    every = model["metrics"]["by_symbol"] | {
        "all": model["metrics"]["pooled"] | {"origins": model["metrics"]["origins"]}
    }
    for symbol, scores in every.items():
        assert row(lines, symbol) == [
            str(scores["origins"]),
            *(f"{scores[who]['mase']:.{digits}f}" for who in WHO),
            *(f"{scores[who]['rmsse']:.{digits}f}" for who in WHO),
            *(f"{scores[who]['coverage']:.1%}" for who in WHO),
        ]


def test_every_number_of_volatility_and_risk_is_the_models(model):
    lines = section(page(model), "Volatility and value-at-risk")
    for symbol, scores in model["metrics"]["by_symbol"].items():
        found, tails = scores["volatility"], [scores["var"][key] for key in ("1", "5")]
        expected = [str(found["days"]), f"{found['qlike'] - found['ewma_qlike']:+.4f}"]
        for tail in tails:
            expected += [f"{tail['exceptions'] / tail['days']:.1%}", f"{tail['kupiec']:.3f}"]
        assert row(lines, symbol) == expected
    found, tails = (model["metrics"]["pooled"][part] for part in ("volatility", "var"))
    expected = [str(found["days"]), f"{found['qlike_difference']:+.4f}"]
    for tail in (tails["1"], tails["5"]):
        assert not tail["tested"]  # too few days
        expected += [f"{tail['share']:.1%}", "-"]
    assert row(lines, "all") == expected


def test_what_is_significant_after_holms_correction_has_a_mark_in_line(model):
    found = model["metrics"]["by_symbol"]["S1"]["volatility"]
    found |= {"p_value": 0.001, "p_value_holm": 0.003}
    model["metrics"]["by_symbol"]["S2"]["volatility"] |= {"p_value": 0.03, "p_value_holm": 0.06}
    lines = section(page(model), "Volatility and value-at-risk")
    assert row(lines, "S1")[1] == f"{found['qlike'] - found['ewma_qlike']:+.4f}*"
    assert "*" not in "".join(row(lines, "S2"))
    assert len({line.index(".") for line in lines[4:]}) == 1


def test_the_whole_distribution_is_the_models(model):
    lines = section(page(model), "The whole distribution")
    pooled = model["metrics"]["pooled"]
    levels = ("50", "80", "90", "95")
    assert row(lines, "model") == [f"{pooled['model']['coverages'][k]:.1%}" for k in levels]
    walk = [f"{pooled['random_walk']['coverages'][k]:.1%}" for k in levels]
    assert row(lines, "random walk") == ["walk", *walk]
    ratios = {
        key: pooled["model"][key] / pooled["random_walk"][key]
        for key in pooled["model"]
        if key in ("pinball", "crps", "interval_score")
    }
    text = flat(lines)
    for name, key in (("pinball", "pinball"), ("CRPS", "crps"), ("interval", "interval_score")):
        assert f"{name} {ratios[key]:.3f}" in text
    assert {pooled["var"][key]["tested"] for key in ("1", "5")} == {0}
    assert "too few days to test whether exceptions are independent" in text
    pooled["var"]["1"] |= {"independent": 2, "tested": 3}
    pooled["var"]["5"] |= {"independent": 1, "tested": 3}
    for tail in ("1", "5"):
        for found in model["metrics"]["by_symbol"].values():
            found["var"][tail] |= {"days": 249, "exceptions": 7}  # too few to be tested
    first, second, *_ = model["metrics"]["by_symbol"].values()
    first["var"]["1"] |= {"days": 250, "exceptions": 1}
    first["var"]["5"] |= {"days": 250, "exceptions": 12}
    second["var"]["5"] |= {"days": 900, "exceptions": 40}
    text = flat(section(page(model), "The whole distribution"))
    assert (
        "exceptions independent of the day before (Christoffersen) at 1% for 2 of 3 symbols "
        "(1 exception), at 5% for 1 of 3 symbols (52 exceptions)"
    ) in text


def test_the_whole_distribution_is_said_by_the_tenths_that_are_furthest_off(model):
    """The forecasts overlap, so a test of each outcome by itself would prove too much."""
    found = model["metrics"]["pooled"]["pit"]
    found["counts"] = [10, 10, 10, 10, 10, 10, 10, 10, 2, 18]
    text = flat(section(page(model), "The whole distribution"))
    assert "PIT each tenth has 2.0% to 18.0% of the outcomes (10% if it is right)" in text
    found["counts"] = [0] * 10
    assert "PIT unknown" in flat(section(page(model), "The whole distribution"))


@pytest.mark.parametrize(
    ("share", "text"), [(0.9, "90%"), (0.975, "97.5%"), (0.999, "99.9%"), ((1 - 0.9) / 2, "5%")]
)
def test_a_share_has_the_digits_that_it_has(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (12_345, "12,345 rows")]
)
def test_one_thing_is_not_counted_in_the_plural(count, said):
    assert count_of(count, "row") == said


def test_a_tiny_p_value_is_not_called_zero():
    assert [p_value(p) for p in (None, 0.0, 0.01234)] == ["p unknown", "p < 0.001", "p = 0.012"]


# Accepted or not


def test_the_verdict_begins_with_accepted(accepted):
    assert section(page(accepted), "Verdict")[1] == "  ACCEPTED: it meets every criterion."


def test_the_verdict_begins_with_not_accepted_and_why(model):
    text = flat(section(page(model), "Verdict")[1:])
    assert text.startswith(f"NOT ACCEPTED: {failed(model['acceptance'])}.")


def test_an_unaccepted_model_that_is_deployed_is_announced_in_capitals(model, accepted):
    capitals = "AN UNACCEPTED MODEL IS BEING DEPLOYED"
    accepted = deepcopy(accepted)
    model["acceptance"]["accepted"] = False
    assert f"{capitals}, BECAUSE accept.allow_unaccepted IS TRUE." in flat(
        section(page(model, allow_unaccepted=True), "Verdict")
    )
    assert capitals not in page(model)
    assert capitals not in page(accepted, allow_unaccepted=True)


def test_limits_that_are_wider_than_configs_are_explained(model):
    text = page(model)
    assert "Limits wider than in config, to allow for chance (accept.chance)" in text
    assert "In config: coverage_pooled 0.015" in " ".join(text.split())


def test_the_page_says_how_the_expected_shortfall_did(model):
    found = model["metrics"]["pooled"]["es"]
    sizes = {-0.16: "too small by 0.16", 0.02: "too large by 0.02", 0.001: "off by 0.00"}
    for residual, size in sizes.items():
        found["residual"] = residual
        text = " ".join(page(model).split())
        chance = f"one-sided test that it is too small: {p_value(found['p_value'])}"
        assert f"ES {size} deviations on average ({chance})" in text
    assert f"joint score minus EWMA's {found['score_difference']:+.4f}" in text
    found["residual"] = None
    assert "unknown: no loss was beyond its value-at-risk" in " ".join(page(model).split())


@pytest.mark.parametrize(("p", "said"), [(0.001, True), (0.2, False), (None, False)])
def test_a_shortfall_that_is_significantly_too_small_is_in_the_verdict(model, p, said):
    model["metrics"]["pooled"]["es"] |= {"residual": -0.162, "p_value": p}
    words = (
        "The 97.5% expected shortfall is significantly TOO SMALL: it is 0.16 deviations below the "
        "mean loss beyond the value-at-risk (p = 0.001, one-sided)."
    )
    assert (words in verdict(model)) == said


NO_PATTERN = {"tested": 4, "found": 0}


def test_errors_that_depend_on_the_weekday_are_in_the_verdict(model):
    worst = {"symbol": "P1", "weekday": "Saturday", "ratio": 2.31}
    weekday = {"tested": 4, "found": 4, "worst": worst}
    model["metrics"]["pooled"]["patterns"] = {"weekday": weekday, "serial": NO_PATTERN}
    assert (
        "Caution: the size of one-day-ahead errors depends on the weekday for 4 of 4 symbols, most "
        "for P1. On Saturdays it is 2.3 times that of other days. The model does not know "
        "weekdays: its intervals are too narrow on such days and too wide on others."
    ) in verdict(model)
    worst |= {"ratio": 0.43}
    assert "0.43 times that of other days" in " ".join(verdict(model))
    assert "too wide on such days and too narrow on others" in " ".join(verdict(model))
    worst |= {"ratio": 1e6}
    assert "it is more than 10 times that of other days" in " ".join(verdict(model))


@pytest.mark.parametrize(("correlation", "turn"), [(-0.45, "falls back"), (0.3, "rises further")])
def test_errors_that_are_correlated_are_in_the_verdict(model, correlation, turn):
    worst = {"symbol": "SPREAD", "correlation": correlation}
    serial = {"tested": 4, "found": 1, "worst": worst}
    model["metrics"]["pooled"]["patterns"] = {"weekday": NO_PATTERN, "serial": serial}
    assert (
        "Caution: one-day-ahead errors of successive days are correlated for 1 of 4 symbols, "
        f"SPREAD ({correlation:+.2f}). A price that rose more than forecast often {turn} on the "
        "next day. The model does not use this: after a large move its intervals are off, even if "
        "on average they hold as often as promised."
    ) in verdict(model)


def test_without_patterns_or_from_an_older_model_the_verdict_says_nothing_of_them(model):
    assert model["metrics"]["pooled"]["patterns"].keys() == {"weekday", "serial"}
    said = verdict(model)
    assert not any("weekday" in each or "successive" in each for each in said)
    del model["metrics"]["pooled"]["patterns"]
    assert verdict(model) == said


def test_the_forecasts_at_the_horizons_end_are_listed_for_each_symbol(model):
    lines = section(page(model), "Forecasts of close 5 days ahead")
    for symbol, state in model["symbols"].items():
        (line,) = (line.split() for line in lines if line.split()[:1] == [symbol])
        ahead = [state["forecast"][part][-1] for part in ("point", "lower", "upper")]
        assert line[1:] == [
            state["last_date"],
            *(f"{price:.6g}" for price in (state["last_price"], *ahead)),
            *(f"{state['forecast'][loss][0]:.4g}" for loss in ("var", "es")),
        ]


def test_each_criterion_has_its_row(model):
    model["acceptance"]["criteria"]["champion"] = MISSED
    lines = section(page(model), "Acceptance")
    for criterion, found in model["acceptance"]["criteria"].items():
        name = key_of(criterion)
        at = next(n for n, line in enumerate(lines) if f" {name} " in line)
        mark = lines[at][: lines[at].index(name)].strip()
        value = "unknown" if found["value"] is None else found["value"]
        value = value if isinstance(value, str) else f"{value:.4g}"
        limit = found["limit"]
        limit = limit if isinstance(limit, str) else f"at {found['side']} {limit:.4g}"
        assert mark == {True: "met", False: "NOT MET", None: "not judged"}[found["met"]]
        assert " ".join(lines[at].split()).endswith(f"{name} {value} {limit}")
        assert flat(lines[at + 1 :]).startswith(found["what"]) != found["met"]


# What the numbers say


@pytest.mark.parametrize(
    ("location", "ratio", "p", "words"),
    [
        ("theta", 1.02, 0.01, "No skill in the point forecast"),
        ("theta", 1.0, 1.0, "No skill in the point forecast"),
        ("theta", 0.98, 0.05, "No significant skill in the point forecast"),
        ("theta", 0.98, None, "No significant skill in the point forecast"),
        ("theta", 0.98, 0.04, "has skill: its error is"),  # for it is significant
        ("theta", None, None, "The point forecast's skill is unknown"),  # it never moved
        ("naive", 1.0, 1.0, "The point forecast is the last price: no skill"),
    ],
)
def test_skill_in_the_point_is_said_in_words(model, location, ratio, p, words):
    model["parameters"]["location"] = location
    model["metrics"]["pooled"] |= {"mae_ratio": ratio, "p_value": p}
    said = " ".join(verdict(model))
    assert words in said
    if location == "theta" and ratio:
        assert f"{ratio:.3f} times the last price's ({p_value(p)})" in said


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        (-0.05, -0.01, "is significantly better than EWMA's"),
        (0.01, 0.05, "is significantly WORSE than EWMA's"),
        (-0.05, 0.01, "does not differ significantly from EWMA's"),
        (None, None, "could not be tested"),
    ],
)
def test_the_volatility_forecast_is_told_from_ewma_by_its_interval(model, lower, upper, words):
    middle = None if lower is None else (lower + upper) / 2
    found = {"qlike_difference": middle, "lower": lower, "upper": upper}
    model["metrics"]["pooled"]["volatility"] |= found
    said = " ".join(verdict(model))
    assert f"The volatility forecast {words}" in said
    if middle:
        assert f"{middle:+.4f}, 95% interval {lower:+.4f} to {upper:+.4f}" in said


def test_the_interval_is_put_beside_its_level_and_the_random_walks(model):
    ours, plain = (model["metrics"]["pooled"][who] for who in WHO)
    said = " ".join(verdict(model))
    assert f"The 90% interval held {ours['coverage']:.1%} of prices" in said
    assert f"the random walk's with constant volatility {plain['coverage']:.1%}" in said
    assert (
        f"Its interval score is {ours['interval_score'] / plain['interval_score']:.3f} times"
        in said
    )
    plain["interval_score"] = None
    assert "score is" not in " ".join(verdict(model))


def test_what_was_not_evaluated_is_said_in_words(model):
    unseen(model)
    said = verdict(model)
    assert said[0].startswith("NOT ACCEPTED")
    assert said[1].startswith("Not evaluated")
    text = page(model)
    assert "None" not in text
    assert "nan" not in text


def test_a_score_on_known_dates_is_marked_as_flattering(model):
    model["metrics"]["origins_the_model_knew"] = 3
    assert f"trained on 3 of the {model['metrics']['origins']} dates" in " ".join(verdict(model))


# Compared with the deployed model


def test_where_nothing_was_deployed_the_page_says_so(model):
    assert section(page(model), "Compared with the deployed model")[1:] == [
        "  No model was deployed to compare with."
    ]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("better", "This model is significantly better than the deployed model"),
        ("worse", "This model is significantly WORSE than the deployed model"),
        ("no difference", "No significant difference from the deployed model"),
    ],
)
def test_the_champion_is_compared_in_words(model, verdict, words):
    text = flat(section(page(model | record(verdict)), "Compared with the deployed model"))
    assert f"{words} (sha256 {'c' * 12}…, cutoff 2020-05-29)" in text
    assert "loss is 2.10% lower (95% interval -3.00% to -1.20%), over 19 dates and 3 sym" in text
    assert "MASE 1.000 against 1.100, CRPS 0.500 against 0.550, interval held 90.0%" in text
    assert "flatters" not in text


@pytest.mark.parametrize(("difference", "words"), [(0.021, "2.10% higher"), (0.0, "the same")])
def test_the_champion_may_have_lost_less(model, difference, words):
    assert f"Its pinball loss is {words} (95%" in " ".join(
        champion(model | record("no difference", difference=difference))
    )


def test_a_champion_that_knew_the_dates_is_said_to_be_flattered(model):
    said = champion(model | record("worse", origins_it_knew=7))
    count = model["metrics"]["origins"]
    assert (
        said[-1] == f"The deployed model was trained on 7 of the {count} dates; these are left out."
    )


def test_a_champion_that_is_not_comparable_has_its_reason(model):
    nothing = {"reason": "it forecasts open", "difference": None, "lower": None, "upper": None}
    said = champion(model | record("not comparable", **nothing))
    assert len(said) == 1
    assert said[0].startswith("Not comparable with the deployed model (sha256 cccccccccccc…")
    assert said[0].endswith(": it forecasts open.")


# How it was made


def test_the_page_says_how_the_model_was_made(model):
    facts = dict(method(model))
    assert facts["point"] == "naive, the last price"
    assert facts["volatility"] == "combined, the geometric mean of garch11 and har"
    assert facts["shape"] == "conformal, the quantiles of standardised errors of 200 days"
    assert facts["estimated"] == "again at one date in 10, from all days before it"
    assert all(date in facts["leaks"] for date in model["leak_check"]["cutoffs"])
    assert facts["leaks"].startswith("none: ")
    text = flat(section(page(model), "The model"))
    said = ("point", "volatility", "shape", "price", "made", "leaks")
    assert all(f"{label} {facts[label]}" in text for label in said)


def test_all_methods_have_their_words(model):
    for key, label, kinds in (
        ("location", "point", LocationKind),
        ("volatility", "volatility", VolatilityKind),
        ("distribution", "shape", DistributionKind),
    ):
        for kind in get_args(kinds):
            model["parameters"][key] = kind
            said = dict(method(model))[label]
            assert said.partition(",")[0] == kind
            assert "{" not in said


def test_a_window_and_an_embargo_are_said(model):
    model["parameters"] |= {"window_days": 730, "embargo_days": 5, "refit": 1}
    assert dict(method(model))["estimated"] == (
        "again at every date, from the 730 days before it except the last 5"
    )


def test_a_scored_model_names_the_one_given_and_has_no_leak_check(model):
    model |= {"mode": "score", "leak_check": None}
    model["scored_model"] = {"sha256": "b" * 64, "cutoff": "2020-03-02"}
    facts = dict(method(model))
    assert facts["made"].startswith(
        "an existing model (sha256 bbbbbbbbbbbb…, cutoff 2020-03-02), scored on"
    )
    assert facts["leaks"] == "not checked: a scored model estimates nothing"


def test_a_model_without_dates_has_nothing_to_check_for_leaks(model):
    model["leak_check"] = {"cutoffs": [], "columns": [], "symbols": 0}
    assert dict(method(model))["leaks"] == "not checked: there is no date to forecast from"


def test_the_report_says_on_how_many_days_of_whom_har_had_ranges(model):
    for state in model["symbols"].values():
        state["observations"] = 201
    first, second, *others = model["symbols"].values()
    for state in (first, second, *others):
        state["volatility"]["ranges"] = 0
    assert dict(method(model))["ranges"].startswith("none: no day has")
    assert "ranges" not in page(model)
    first["volatility"]["ranges"] = 150
    name = next(iter(model["symbols"]))
    count = len(model["symbols"])
    said = f"from open, high and low, on 75.0% of the days of 1 of {count} symbols ({name})"
    assert dict(method(model))["ranges"] == said
    assert said in " ".join(page(model).split())
    for state in (second, *others):
        state["volatility"]["ranges"] = 200
    assert dict(method(model))["ranges"].endswith("% of the days of all symbols")
    first["volatility"]["ranges"] = None
    assert "ranges" not in dict(method(model))


def test_symbols_on_levels_are_named(model):
    model["symbols"]["S1"]["scale"] = "level"
    assert dict(method(model))["scale"] == (
        "log prices; levels for S1 (more than one price in 100 was 0 or below)"
    )


def test_symbols_whose_logarithms_go_on_as_a_line_are_named_with_where_that_begins(model):
    assert dict(method(model))["scale"] == "log prices"
    model["symbols"]["S1"]["floor"] = 18.31
    assert dict(method(model))["scale"] == (
        "log prices, continued as a straight line for S1 below 18.31, because a price of 0 or "
        "below has no logarithm"
    )


# Of many symbols


def test_of_many_symbols_the_worst_are_shown_and_the_rest_counted(model):
    by_symbol = model["metrics"]["by_symbol"]
    ratios = {symbol: interval_ratio(scores) for symbol, scores in by_symbol.items()}
    assert worst(model) == sorted(ratios, key=ratios.get, reverse=True)
    text = page(model, max_symbols=1)
    for heading, first in (("Compared with the plain", 4), ("Volatility and", 4)):
        lines = section(text, heading)
        assert lines[first].split()[0] == worst(model)[0]
        assert lines[first + 1] == "  (2 more)"


def test_symbols_that_were_not_evaluated_come_last(model):
    first = worst(model)[0]
    model["metrics"]["by_symbol"][first]["model"]["interval_score"] = None
    assert worst(model)[-1] == first


def test_a_few_fallbacks_are_listed_by_symbol_and_the_rest_counted(model):
    notes = ["volatility: har, for 99 changes are fewer than 250", "scale: levels, for a price"]
    for state in model["symbols"].values():
        state["fallbacks"] = []
    assert "\nFallbacks" not in page(model)
    model["symbols"]["S0"]["fallbacks"] = notes
    model["symbols"]["S2"]["fallbacks"] = notes[:1]
    lines = section(page(model), "Fallbacks")
    assert flat(lines[1:]) == f"S0 {'; '.join(notes)} S2 {notes[0]}"
    names = [f"T{number}" for number in range(5)]
    for part, key in ((model, "symbols"), (model["metrics"], "by_symbol")):
        part[key] = {name: part[key]["S2"] for name in names}
    lines = section(page(model), "Fallbacks")
    assert [line.split()[0] for line in lines[1:]] == ["T0", "T1", "T2", "(2"]


def test_what_is_left_out_has_its_reason(model):
    reasons = [{"symbol": f"X{n}", "reason": "the price never changes"} for n in range(4)]
    model["left_out"] = reasons
    lines = section(page(model), "Left out of the model")
    assert lines[1:] == [*(f"  X{n}  the price never changes" for n in range(3)), "  (1 more)"]


# Decisions needed before production


def test_each_decision_says_how_many_must_sign_and_how(accepted):
    pending = pending_decisions(accepted, {"metrics": 2})
    lines = section(page(accepted, pending=pending), "Decisions needed")
    asked = {line.split()[0]: line.split()[1] for line in lines[1:5]}
    assert asked == {"source": "1", "metrics": "2", "report": "1", "deploy": "1"}
    assert "pricewright sign report --key ~/.ssh/id_ed25519" in lines[5]
    assert "pricewright status" in lines[6]
    assert "snakemake --cores 1 production" in lines[7]


def test_a_refused_models_release_is_said_to_be_blocked(model, accepted):
    accepted = deepcopy(accepted)
    model["acceptance"]["accepted"] = False
    text = flat(section(page(model), "Decisions needed"))
    assert "BLOCKED: this model is not accepted, so it is not released, whoever signs." in text
    assert "accept.allow_unaccepted: true" in text
    assert "BLOCKED" not in page(model, allow_unaccepted=True)
    assert "BLOCKED" not in page(accepted)


def test_nobody_is_asked_to_sign_the_score_of_a_day(model):
    given = {"sha256": "b" * 64, "cutoff": "2024-01-31"}
    scored = model | {"mode": "score", "scored_model": given, "why": "it is not due"}
    text = page(scored, pending=pending_decisions(scored, None))
    lines = section(text, "Decisions needed")
    assert "trained on prices up to 2024-01-31" in " ".join(" ".join(lines).split())
    assert "pricewright sign" not in text
    assert "BLOCKED" not in text
    assert "it is not due" in " ".join(section(text, "The model"))
    assert "it trained none to compare with it" in flat(text.splitlines())


# The page itself


def test_the_page_fits_a_terminal(model):
    lines = page(model, allow_unaccepted=True).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) <= 2 * SCREEN + 13


def test_a_title_with_line_breaks_is_one_line(model):
    forged = "x\n  model   o.json\n  sha256  " + "b" * 30
    text = page(model, title=forged)
    assert text.splitlines()[1].strip("=") == ""
    assert named_model(text, "report.txt") == ("results/model.json", "a" * 64)


def test_the_page_fits_a_terminal_with_long_names_and_all_that_can_be_said(model):
    names = [f"{'LONG_SYMBOL_' * 3}"[:31] + str(n) for n in range(3)]
    model = renamed(model, names) | record("worse", origins_it_knew=9)
    model["acceptance"]["criteria"]["champion"] = MISSED
    model |= {"scored_model": {"sha256": "b" * 64, "cutoff": "2020-03-02"}, "leak_check": None}
    model["parameters"]["level"] = 0.975
    model["metrics"]["origins_the_model_knew"] = 9
    model["left_out"] = [{"symbol": "M" * 32, "reason": "the price never changes, " * 4}]
    for state in model["symbols"].values():
        state["scale"] = "level"
        state["fallbacks"] = ["scale: levels, for a price of 0 or below has no logarithm"] * 3
        state["last_price"] = -1.5e200
    for scores in model["metrics"]["by_symbol"].values():
        scores["model"]["mase"] = 123456.7
        scores["random_walk"]["rmsse"] = 9999.123456
    text = page(model, digits=6, allow_unaccepted=True, title="T" * 60)
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []
    for heading in ("Compared with the plain", "Volatility and", "Forecasts of"):
        lines = section(text, heading)
        assert sorted(line.strip() for line in lines if line.strip() in names) == names


def test_there_are_as_many_decimals_as_there_is_room_for(model):
    model["parameters"]["level"] = 0.975
    for scores in model["metrics"]["by_symbol"].values():
        scores["model"]["mase"] = 123.4567891
    lines = section(page(model, digits=6), "Compared with the plain")
    assert {row(lines, symbol)[1] for symbol in model["symbols"]} == {"123.45679"}


@pytest.mark.parametrize("price", [1.23456789e-300, -1.23456789e200, 561436123.0])
def test_the_forecasts_fit_a_terminal_whatever_their_size(model, price):
    states = list(model["symbols"].values())
    states[0]["last_price"] = price
    states[0]["forecast"] = {part: [price] * 5 for part in states[0]["forecast"]}
    states[1]["last_price"] = 60.1731
    lines = section(page(model), "Forecasts of")
    assert max(map(len, lines)) <= WIDTH
    assert row(lines, "S0")[1].partition("e")[0] in f"{price:.10f}{price:.10e}"
    assert row(lines, "S1")[1] == "60.1731"  # an ordinary price keeps its digits


def test_the_rest_of_a_table_is_counted_in_full_however_narrow_its_names(model):
    for part in (model["symbols"], model["metrics"]["by_symbol"]):
        part |= {f"T{number}": part["S0"] for number in range(9_998)}
    for state in model["symbols"].values():
        state["last_price"] = -1.23456e200
        state["forecast"] = {part: [-1.23456e200] * 5 for part in state["forecast"]}
    lines = section(page(model, max_symbols=1), "Forecasts of")
    assert lines[-1] == "  (10,000 more)"
    assert max(map(len, lines)) <= WIDTH


def test_what_a_flag_found_is_wrapped_and_not_cut(model):
    said = "if A ended, declare it as delisted on 2020-01-02 in the file of corrections"
    flag = {"symbol": "S" * 32, "date": "2020-01-01", "last": "2020-05-01", "flag": "zero-volume"}
    lines = section(page(model, quality={"flagged": [flag | {"proposal": said}]}), "Flags")
    assert flat(lines[3:]).startswith(f"{'S' * 32} 2020-01-01 to 2020-05-01 zero-volume if A ended")
    assert flat(lines[3:]).endswith(said[-30:])
    assert max(map(len, lines)) <= WIDTH


def test_a_note_is_wrapped_and_not_cut(model):
    reason = "its last price is from 2020-01-02, more than 10 days before the others' and " * 2
    model["left_out"] = [{"symbol": "M" * 32, "reason": reason}]
    assert flat(section(page(model), "Left out")[1:]) == f"{'M' * 32} {reason}".strip()


def test_a_long_name_stays_whole_where_there_is_room(model):
    names = [f"{'LONG_SYMBOL_' * 3}"[:14] + str(n) for n in range(3)]
    assert names[0] in flat(section(page(renamed(model, names)), "Compared with the plain"))


def test_nothing_on_the_page_is_obeyed_by_a_terminal(model):
    model["left_out"] = [{"symbol": "X\x1b[2J", "reason": "\u202eevil\x07"}]
    text = page(model, title="A\x9b31mtitle")
    assert "X?[2J  ?evil?" in text
    assert all(letter.isprintable() or letter == "\n" for letter in text)


def test_the_page_names_its_model_and_is_read_back(model):
    path = "a folder with spaces/" * 5 + "model.json"
    text = page(model, model_path=path, allow_unaccepted=True)
    assert named_model(text, "report.txt") == (path, "a" * 64)


def test_symbols_called_model_do_not_hide_the_model(model):
    renamed(model, ["model", "sha256", "S2"])
    for state in model["symbols"].values():
        state["fallbacks"] = ["volatility: har, for 99 changes are fewer than 250"]
    assert named_model(page(model), "report.txt") == ("results/model.json", "a" * 64)


@pytest.mark.parametrize("times", [0, 2])
def test_a_page_that_does_not_name_one_model_is_refused(model, times):
    with pytest.raises(Refusal, match=rf"report\.txt: names {times} models"):
        named_model(page(model) * times, "report.txt")


def test_the_page_counts_what_was_quarantined_and_flagged_most_first(model):
    receipt = {"source": "a.csv", "sha256": "0" * 64, "rows": 9, "symbols": 1}
    receipt |= {"first_date": "2024-01-01", "last_date": "2024-01-02"}
    receipt |= {"restated": 2, "rescaled": 0, "withdrawn": 1, "superseded": 0}
    receipt |= {"left_out": 0, "in_bars": 2, "kept": 2, "missing": {}}
    receipt["quarantined"] = {"sign": 1, "conflict": 4, "duplicate": 2}
    cleaned = {"duplicates": 0, "removed": 0, "dropped": 0, "corrected": 1, "filled": {}}
    cleaned["flags"] = {"jump": 0, "stale": 3}
    model["receipts"] = {"ingest": receipt, "clean": cleaned}
    text = page(model)
    assert "quarantine  7 rows: 4 conflict, 2 duplicate, 1 sign" in text
    assert "restated    2 values restated, 1 row withdrawn" in text
    assert "flagged     3 flags: 3 stale" in text
    assert "left out    0 exact duplicates, 0 incomplete rows\n" in text
    cleaned["removed"] = 2
    assert "left out    0 exact duplicates, 0 incomplete rows, 2 removed as declared" in page(model)
    assert max(map(len, text.splitlines())) <= WIDTH
    receipt |= {"rows": 2012, "left_out": 1000, "in_bars": 1005, "kept": 42}
    receipt["last_bar_lost"] = {"A": ["2020-02-03", "2020-02-04"]}
    cleaned["without_adj_close"] = ["EURUSD"]
    text = page(model)
    assert "adj_close   the close of EURUSD, which has none" in text
    assert "filtered    1,000 rows left out by source.where" in text
    assert "bars        42 daily bars from 1,005 rows" in text
    assert "cut short   A on 2020-02-03, A on 2020-02-04: the day's last row" in text


# The pictures


def unseen(model):
    """The model as if nothing had been evaluated."""
    metrics = model["metrics"]
    metrics |= {"origins": 0, "first_origin": None, "last_origin": None}
    pooled = metrics["pooled"]
    pooled |= {"symbols": 0, "forecasts": 0, "mae_ratio": None, "p_value": None}
    pooled["pit"]["p_value"] = None
    pooled["volatility"] = {
        "days": 0,
        **dict.fromkeys(("qlike_difference", "lower", "upper")),
    }
    for tail in pooled["var"].values():
        tail |= {"days": 0, "exceptions": 0, "share": None, "tested": 0, "passed": 0}
    for part in (pooled, *metrics["by_symbol"].values()):
        for who in WHO:
            coverages = dict.fromkeys(part[who]["coverages"])
            horizons = part[who].get("by_horizon", {})
            part[who] = dict.fromkeys(part[who]) | {"coverages": coverages}
            if horizons:
                part[who]["by_horizon"] = {k: [None] * len(v) for k, v in horizons.items()}
    for scores in metrics["by_symbol"].values():
        scores |= {"origins": 0, "mae_ratio": None, "p_value": None, "p_value_holm": None}
        scores["volatility"] = dict.fromkeys(scores["volatility"]) | {"days": 0}
        for tail in scores["var"].values():
            tail |= {"days": 0, "exceptions": 0, "kupiec": None}
    return model


def figures(model, max_symbols=20):
    charts = pooled.titled_coverage(model, FILE), pooled.interval_ratios(model, max_symbols, FILE)
    return [svg(chart, FILE) for chart in charts]


def test_the_pictures_are_the_same_bytes_each_time_and_ask_for_nothing(model):
    for first, again in zip(figures(model), figures(model), strict=True):
        assert first == again
        assert first.startswith("<svg")
        assert "href" not in first
        assert "<script" not in first


def test_the_picture_of_skill_shows_the_worst_and_says_so(model):
    drawn = figures(model, 1)[1]
    assert "the worst 1" in drawn
    assert f">{worst(model)[0]}<" in drawn
    assert f">{worst(model)[1]}<" not in drawn
    assert "the worst" not in figures(model, 3)[1]


def test_the_pictures_of_a_model_without_metrics_are_drawn(model):
    unseen(model)
    assert all(drawn.startswith("<svg") for drawn in figures(model))
    model["metrics"]["by_symbol"] = {}
    assert figures(model)[1].startswith("<svg")


def test_the_gravest_flags_are_listed_with_symbol_and_date(model):
    jump = {"flag": "jump", "column": "close", "previous": 1.0, "price": 2.0}
    flagged = [jump | {"symbol": f"S{day}", "date": f"2020-01-0{day}"} for day in range(1, 8)]
    found = section(page(model, quality={"flagged": flagged}), "Flags")
    assert found[0].endswith("the 5 most serious of 7")
    assert [line.split() for line in found[3:]] == [
        [f"S{day}", f"2020-01-0{day}", "jump", "close", "1", "to", "2"] for day in range(7, 2, -1)
    ]
    assert "Flags:" not in page(model, quality={"flagged": []})


def test_prices_that_are_not_daily_are_said_with_what_a_day_is(model):
    assert "days apart" not in " ".join(verdict(model))
    model["data"]["sparse"] = {"symbols": 2, "days": 7.0}
    said = " ".join(verdict(model))
    assert "2 of 3 symbols have prices 7 days apart on average" in said
    assert "5 days ahead are about 35 calendar days" in said
    model["data"]["sparse"] |= {"least": 7.0, "most": 30.4}
    said = " ".join(verdict(model))
    assert "2 of 3 symbols have prices 7 to 30.4 days apart on average" in said
    assert "5 days ahead are about 35 to 152 calendar days" in said


def test_figures_of_another_model_than_the_deployed_one_are_said_to_be(model):
    model["metrics"]["pooled"].pop("simpler", None)
    assert "simpler model" not in " ".join(verdict(model))
    model["metrics"]["pooled"]["simpler"] = {"symbols": 2, "dates": 30, "of_dates": 40}
    said = " ".join(verdict(model))
    assert "Caution: for 2 of 3 symbols, 75% of the evaluated dates were forecast with a" in said
    assert "simpler model than the deployed one" in said
    assert "because a history was still short, or because of evaluation.refit" in said


def test_a_probable_slip_is_named_in_the_verdict(model):
    model["receipts"] = {"clean": {"flags": {"unit-slip": 1}}}
    said = " ".join(verdict(model))
    assert "SUSPECT: 1 price looks like a slip of the decimal point" in said
    assert "corrections.file" in said
    slip = {"symbol": "S1", "date": "2020-01-03", "flag": "unit-slip"}
    newer = {"symbol": "S2", "date": "2020-05-04", "flag": "jump"}
    known = {"flagged": [newer, slip]}
    assert "or another unit (S1 on 2020-01-03), and" in " ".join(verdict(model, quality=known))
    model["receipts"]["clean"]["flags"]["unit-slip"] = 2
    known["flagged"].append(slip | {"symbol": None, "date": "2020-03-02"})
    assert "another unit (on 2020-03-02 and others)" in " ".join(verdict(model, quality=known))
    model["receipts"]["clean"]["flags"]["unit-slip"] = 0
    assert "SUSPECT" not in " ".join(verdict(model))


def test_a_split_that_the_modelled_price_is_not_adjusted_for_is_named_in_the_verdict(model):
    split = {"symbol": "S4", "date": "2020-01-03", "flag": "split-like", "confirmed": False}
    sure = split | {"symbol": "S5", "date": "2020-01-02", "confirmed": True}
    known = {"flagged": [sure, split, split | {"confirmed": None}]}
    slip = {"symbol": "S1", "date": "2020-01-03", "flag": "unit-slip"}
    model["parameters"]["price"] = "adj_close"
    said = " ".join(verdict(model, quality=known))
    assert (
        "SUSPECT: 1 move looks like a split for which adj_close was not adjusted (S4 on 2020-01-03)"
        ", and nothing was corrected"
    ) in said
    model["receipts"] = {"clean": {"flags": {"unit-slip": 1}}}
    known["flagged"].append(slip)
    model["parameters"]["price"] = "close"
    said = " ".join(verdict(model, quality=known))
    assert "another unit (S1 on 2020-01-03), 2 moves look like a split for which close was" in said
    assert "not adjusted (S4 on 2020-01-03 and others), and nothing was corrected" in said


@pytest.mark.parametrize(
    ("lower", "upper", "words"),
    [
        (-0.05, -0.01, "It is significantly better than a constant one"),
        (-0.01, 0.02, "It does not differ significantly from a constant one"),
        (0.01, 0.02, "It is significantly WORSE than a constant one"),
    ],
)
def test_the_volatility_forecast_is_compared_with_a_constant_one(model, lower, upper, words):
    found = {"qlike_difference": (lower + upper) / 2, "lower": lower, "upper": upper}
    model["metrics"]["pooled"]["volatility"]["constant"] = found
    assert words in " ".join(verdict(model))


def test_adjusted_prices_are_said_where_they_are_shown(model):
    model["parameters"]["price"] = "adj_close"
    assert "Forecasts of adj_close" in page(model)
    assert "are not those of quoted prices" in " ".join(page(model).split())


def test_restated_prices_are_said_beside_the_search_for_leaks(model):
    assert "restated" not in dict(method(model))["leaks"]
    model["receipts"] = {"ingest": {"restated": 139}}
    assert "each price as last delivered, 139 values were restated" in dict(method(model))["leaks"]
