"""Acceptance: every criterion alone can fail a model, and what is unknown is not met."""

from copy import deepcopy

import pytest
from scipy.stats import binom

from pricewright.evaluation.acceptance import Criteria, failed, judge, key_of, not_judged

LIMITS = {
    "mae_ratio": 1.01,
    "qlike_difference": 0.0,
    "deviation_ratio": 10.0,
    "coverage_pooled": 0.015,
    "coverage_symbol": 0.04,
    "enough_origins": 100,
    "interval_ratio": 1.0,
    "kupiec_share": 0.9,
    "shortfall_p_value": 0.05,
    "chance": 0.0,
    "beat_champion": "not_worse",
}
GOOD = {
    "pooled": {
        "model": {"coverage": 0.91, "interval_score": 9.0},
        "random_walk": {"coverage": 0.88, "interval_score": 10.0},
        "mae_ratio": 1.0,
        "volatility": {"qlike_difference": -0.02, "largest": []},
        "newest_deviation": {"ratio": 1.2, "symbol": "B", "date": "2024-01-31"},
        "interval": {"error": None, "largest": []},
        "var": {"1": {"tested": 10, "passed": 9}, "5": {"tested": 10, "passed": 10}},
        "es": {"p_value": 0.05},
    },
    "by_symbol": {
        symbol: {
            "origins": 100,
            "model": {"coverage": 0.93, "coverage_error": None},
            "volatility": {"days": 250, "qlike": -8.0, "ewma_qlike": -7.9, "p_value_holm": 0.001},
            "var": {tail: {"days": 250, "kupiec": 0.02} for tail in ("1", "5")},
        }
        for symbol in ("A", "B")
    },
    "origins": 100,
    "origins_the_model_knew": 0,
}
NO_TESTS = {"1": {"tested": 0, "passed": 0}, "5": {"tested": 0, "passed": 0}}
NAMES = [
    *("mae_ratio", "qlike", "qlike_worse", "deviation_ratio", "coverage_pooled"),
    *("coverage_symbol", "interval_ratio", "kupiec", "shortfall"),
]


def judged(*changes, champion=None, not_unseen=None, **limits):
    """The judgement of a good model with some figures changed: (path, value) each."""
    metrics = deepcopy(GOOD)
    for path, value in changes:
        *parts, last = path.split(".")
        node = metrics
        for part in parts:
            node = node[part]
        node[last] = value
    return judge(metrics, 0.9, champion, Criteria(**(LIMITS | limits)), not_unseen=not_unseen)


def unmet(judgement):
    return [name for name, found in judgement["criteria"].items() if found["met"] is False]


def test_a_good_model_is_accepted_by_every_criterion():
    found = judged()
    assert found["accepted"] is True
    assert list(found["criteria"]) == NAMES
    assert unmet(found) == []
    assert failed(found) == ""


WORSE = [("by_symbol.B.volatility.qlike", -7.8)]
CROSSED = [
    ("mae_ratio", [("pooled.mae_ratio", 1.0101)], 1.0101),
    ("qlike", [("pooled.volatility.qlike_difference", 1e-6)], 1e-6),
    ("qlike_worse", WORSE, 1),
    ("deviation_ratio", [("pooled.newest_deviation.ratio", 10.1)], 10.1),
    ("coverage_pooled", [("pooled.model.coverage", 0.9151)], pytest.approx(0.0151)),
    ("coverage_pooled", [("pooled.model.coverage", 0.8849)], pytest.approx(0.0151)),
    ("coverage_symbol", [("by_symbol.B.model.coverage", 0.8599)], pytest.approx(0.0401)),
    ("coverage_symbol", [("by_symbol.A.model.coverage", 0.9401)], pytest.approx(0.0401)),
    ("interval_ratio", [("pooled.model.interval_score", 10.001)], pytest.approx(1.0001)),
    ("kupiec", [("pooled.var.1.passed", 8)], 0.8),
    ("kupiec", [("pooled.var.5.passed", 8)], 0.8),
    ("shortfall", [("pooled.es.p_value", 0.0499)], 0.0499),
]


@pytest.mark.parametrize(("name", "changes", "value"), CROSSED)
def test_each_criterion_fails_alone_when_its_threshold_is_crossed(name, changes, value):
    found = judged(*changes)
    assert found["accepted"] is False
    assert unmet(found) == [name]
    assert found["criteria"][name]["value"] == value


@pytest.mark.parametrize(
    "changes",
    [
        [("pooled.mae_ratio", 1.01)],
        [("pooled.volatility.qlike_difference", 0.0)],
        [("pooled.model.interval_score", 10.0)],
        [("pooled.var.5.passed", 9)],
    ],
)
def test_a_threshold_itself_is_met(changes):
    assert judged(*changes)["accepted"] is True


@pytest.mark.parametrize(
    ("changes", "limits"),
    [
        ([("pooled.mae_ratio", 1.05)], {"mae_ratio": 1.06}),
        ([("pooled.volatility.qlike_difference", 0.1)], {"qlike_difference": 0.2}),
        ([("pooled.newest_deviation.ratio", 50.0)], {"deviation_ratio": 50}),
        ([("pooled.model.coverage", 0.85)], {"coverage_pooled": 0.06}),
        ([("by_symbol.A.model.coverage", 0.8)], {"coverage_symbol": 0.11}),
        ([("by_symbol.A.model.coverage", 0.8), ("by_symbol.A.origins", 99)], {}),
        ([("pooled.model.interval_score", 11.0)], {"interval_ratio": 1.2}),
        ([("pooled.var.1.passed", 5)], {"kupiec_share": 0.5}),
        ([("pooled.es.p_value", 0.002)], {"shortfall_p_value": 0.002}),
    ],
)
def test_a_threshold_is_what_is_chosen(changes, limits):
    assert judged(*changes, **limits)["accepted"] is True


def test_the_tail_that_is_worst_against_its_own_limit_decides():
    """Of 20 symbols, 16 may pass by chance; of 100, more must."""
    var = {"1": {"tested": 100, "passed": 85}, "5": {"tested": 20, "passed": 16}}
    found = judged(("pooled.var", var), chance=0.05)
    assert unmet(found) == ["kupiec"]
    assert found["criteria"]["kupiec"]["value"] == 0.85


@pytest.mark.parametrize("p_value", [0.051, None])
def test_a_qlike_that_may_be_worse_by_luck_is_not_counted(p_value):
    found = judged(*WORSE, ("by_symbol.B.volatility.p_value_holm", p_value))
    assert found["accepted"] is True
    assert found["criteria"]["qlike_worse"]["value"] == 0


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("mae_ratio", ("pooled.mae_ratio", None)),
        ("qlike", ("pooled.volatility.qlike_difference", None)),
        ("coverage_pooled", ("pooled.model.coverage", None)),
        ("interval_ratio", ("pooled.random_walk.interval_score", None)),
        ("interval_ratio", ("pooled.random_walk.interval_score", 0.0)),
        ("interval_ratio", ("pooled.model.interval_score", None)),
    ],
)
def test_what_is_unknown_is_not_met(name, change):
    found = judged(change)
    assert found["accepted"] is False
    assert unmet(found) == [name]
    assert found["criteria"][name]["value"] is None
    assert f"{key_of(name)} is unknown" in failed(found)


def test_variances_are_not_judged_by_symbol_if_none_has_enough_days():
    few = [(f"by_symbol.{symbol}.volatility.days", 249) for symbol in "AB"]
    criterion = judged(*few)["criteria"]["qlike_worse"]
    assert criterion["met"] is None
    assert criterion["what"].endswith("not judged, because no symbol has 250 days")
    assert judged(few[0])["criteria"]["qlike_worse"]["met"] is True


def test_with_too_few_origins_of_each_symbol_only_the_pooled_coverage_counts():
    found = judged(enough_origins=101)
    assert found["accepted"] is True
    assert found["criteria"]["coverage_symbol"]["value"] is None
    assert found["criteria"]["coverage_symbol"]["met"] is None
    assert found["criteria"]["coverage_symbol"]["what"].endswith("no symbol has 101 origins")


def test_back_tests_are_not_judged_if_no_symbol_has_enough_days():
    """Of monthly prices, 250 are 21 years."""
    found = judged(("pooled.var", NO_TESTS))
    assert found["accepted"] is True
    assert found["criteria"]["kupiec"]["met"] is None
    assert not_judged(found) == ["kupiec_share, because no symbol has 250 days"]


def test_an_expected_shortfall_of_too_few_losses_is_not_judged():
    found = judged(("pooled.es.p_value", None))
    assert found["accepted"] is True
    assert not_judged(found) == [
        "shortfall_p_value, because too few losses were beyond the value-at-risk"
    ]


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("kupiec", {"kupiec_share": 0.0}),
        ("shortfall", {"shortfall_p_value": 0.0}),
        ("coverage_pooled", {"coverage_pooled": 0.9}),
        ("coverage_symbol", {"coverage_symbol": 1.0}),
    ],
)
def test_a_limit_that_no_value_can_miss_is_not_judged(name, limits):
    found = judged(**limits)
    assert found["accepted"] is True
    assert found["criteria"][name]["met"] is None
    assert not_judged(found) == [
        f"{key_of(name)}, because no value could miss this limit",
    ]


def test_a_model_of_which_nothing_can_be_judged_is_not_accepted():
    widest = {"mae_ratio": 10, "qlike_difference": 10, "interval_ratio": 10, "kupiec_share": 0}
    found = judged(
        ("pooled.mae_ratio", None),
        ("pooled.volatility.qlike_difference", None),
        ("pooled.model.coverage", None),
        ("pooled.model.interval_score", None),
        ("pooled.newest_deviation", None),
        ("pooled.var", NO_TESTS),
        ("by_symbol", {}),
        **(widest | {"coverage_pooled": 1, "coverage_symbol": 1}),
    )
    assert found["accepted"] is False
    assert unmet(found) == ["mae_ratio", "qlike", "interval_ratio", "dates"]


def test_dates_that_the_model_was_trained_on_are_no_evidence():
    found = judged(("origins_the_model_knew", 76))
    assert unmet(found) == ["unseen"]
    assert found["criteria"]["unseen"]["value"] == 76
    said = failed(found)
    assert said.startswith("it was trained on 76 of the 100 dates and did not meet the criteria")
    assert "score.model" in said
    assert "mode: train" in said


def test_dates_that_the_model_was_trained_on_do_not_matter_if_it_was_judged_on_others():
    found = judged(("origins_the_model_knew", 76), not_unseen="it was judged before")
    assert found["accepted"] is True
    assert found["criteria"]["unseen"]["met"] is None
    assert not_judged(found) == ["unseen, because it was judged before"]


# Chance.


ERROR = 0.02  # about that of one symbol from 100 dates


def test_a_model_that_was_evaluated_from_few_dates_is_refused():
    found = judged(("by_symbol.A.origins", 19), ("by_symbol.B.origins", 3))
    assert unmet(found) == ["dates"]
    assert failed(found).startswith(
        "it was evaluated from 19 dates, and fewer than 20 tell nothing"
    )


@pytest.mark.parametrize(
    ("name", "scores", "coverage", "accepted", "errors"),
    [
        ("coverage_pooled", "pooled.model", 0.861, True, 1.959964),
        ("coverage_pooled", "pooled.model", 0.8607, False, 1.959964),
        # the more symbols, the further off the worst may be
        ("coverage_symbol", "by_symbol.A.model", 0.9448, True, 2.241403),
        ("coverage_symbol", "by_symbol.A.model", 0.9449, False, 2.241403),
    ],
)
def test_a_coverage_that_chance_explains_is_met(name, scores, coverage, *, accepted, errors):
    changes = [(f"{scores}.coverage", coverage), (f"{scores}.coverage_error", ERROR)]
    found = judged(*changes, chance=0.05)
    assert found["accepted"] is accepted
    assert found["criteria"][name]["limit"] == pytest.approx(errors * ERROR)
    assert judged(*changes, chance=0.0)["accepted"] is False


def test_the_symbol_furthest_beyond_its_own_limit_counts():
    found = judged(
        ("by_symbol.A.model.coverage", 0.96),
        ("by_symbol.A.model.coverage_error", 0.04),  # 6 points, but hardly anything is known of it
        ("by_symbol.B.model.coverage", 0.855),
        ("by_symbol.B.model.coverage_error", 0.001),
        chance=0.05,
    )
    assert unmet(found) == ["coverage_symbol"]
    assert found["criteria"]["coverage_symbol"]["value"] == pytest.approx(0.045)
    assert found["criteria"]["coverage_symbol"]["limit"] == 0.04


def test_an_error_that_is_not_known_widens_nothing():
    found = judged(
        ("pooled.model.coverage", 0.88), ("pooled.model.coverage_error", None), chance=0.05
    )
    assert unmet(found) == ["coverage_pooled"]


@pytest.mark.parametrize("tests", [4, 10, 29, 400])
def test_as_many_back_tests_fail_as_chance_explains(tests):
    """Two tails, so each may have what happens to 1 perfect forecast in 40."""
    most = int(binom.ppf(0.975, tests, 0.05))
    for failures, accepted in ((most, True), (max(most, tests // 10) + 1, False)):
        var = {"tested": tests, "passed": tests - failures}
        found = judged(("pooled.var.1", var), chance=0.05)
        assert found["accepted"] is accepted, failures


def test_back_tests_that_cannot_fail_are_not_judged_and_say_why():
    var = {"tested": 1, "passed": 0}
    found = judged(("pooled.var", {"1": var, "5": var}), chance=0.05)
    assert found["accepted"] is True
    criterion = found["criteria"]["kupiec"]
    assert (criterion["met"], criterion["value"], criterion["limit"]) == (None, 0.0, 0.0)
    assert criterion["what"].endswith(
        "; not judged, because only 1 symbol has enough days, and that few may all fail by chance"
    )


@pytest.mark.parametrize(
    ("tests", "p_value", "met"),
    [
        (1, 0.006, None),
        (1, 0.004, False),
        (10, 0.0006, True),
        (10, 0.0004, False),
    ],
)
def test_chance_does_not_explain_a_back_test_that_fails_too_clearly(tests, p_value, met):
    """In two tails, so of twice as many tests."""
    var = {"tested": tests, "passed": tests - max(tests // 5, 1)}
    found = judged(
        ("pooled.var", {"1": var, "5": var}), ("by_symbol.A.var.5.kupiec", p_value), chance=0.05
    )
    assert found["criteria"]["kupiec"]["met"] is met
    short = {"days": 249, "kupiec": 0.0}  # of a symbol that is not tested
    found = judged(("pooled.var", {"1": var, "5": var}), ("by_symbol.A.var.5", short), chance=0.05)
    assert found["criteria"]["kupiec"]["met"] is not False


@pytest.mark.parametrize(("score", "accepted"), [(10.19, True), (10.2, False)])
def test_an_interval_score_that_chance_explains_is_met(score, accepted):
    changes = [("pooled.model.interval_score", score), ("pooled.interval.error", 0.01)]
    found = judged(*changes, chance=0.05)
    assert found["accepted"] is accepted
    criterion = found["criteria"]["interval_ratio"]
    assert criterion["limit"] == pytest.approx(1 + 0.01959964 / (score / 10))
    assert criterion["what"].endswith("; 1, but for chance")
    assert judged(*changes)["accepted"] is False


def test_a_model_does_not_widen_its_own_limit_by_being_wild():
    """The scores of a model as good as constant intervals would vary less."""
    changes = [("pooled.model.interval_score", 2e5), ("pooled.interval.error", 2e4)]
    found = judged(*changes, chance=0.05)
    assert unmet(found) == ["interval_ratio"]
    assert found["criteria"]["interval_ratio"]["limit"] == pytest.approx(1 + 1.959964)


DAYS = [
    {"symbol": "B", "date": "2020-03-09", "adds": 2.0},
    {"symbol": "B", "date": "2020-03-10", "adds": 0.9},
    {"symbol": "A", "date": "2020-01-01", "adds": 0.01},
]


def test_the_days_that_decide_are_named_with_what_to_do():
    found = judged(
        ("pooled.volatility", {"qlike_difference": 2.85, "largest": DAYS}),
        ("pooled.interval.largest", [DAYS[2]]),
        ("pooled.model.interval_score", 10.2),
    )
    assert "decided_by" not in found["criteria"]["interval_ratio"]
    assert found["criteria"]["qlike"]["decided_by"] == [
        {"symbol": "B", "date": day} for day in ("2020-03-09", "2020-03-10")
    ]
    assert failed(found) == (
        "qlike_difference is 2.85, at most 0 is wanted, and is missed because of B on 2020-03-09, "
        "B on 2020-03-10 alone; interval_ratio is 1.02, at most 1 is wanted; see what "
        "results/data_quality.json says of these days, and if a price is wrong, declare it in the "
        "file of corrections.file"
    )


@pytest.mark.parametrize(("width", "decides"), [(15.0, True), (16.0, False)])
def test_a_day_that_does_not_stand_out_decides_nothing(width, decides):
    around = {"lower": 2.85 - width / 2, "upper": 2.85 + width / 2}
    found = judged(
        ("pooled.volatility", {"qlike_difference": 2.85, "largest": DAYS} | around),
    )
    assert ("decided_by" in found["criteria"]["qlike"]) is decides


@pytest.mark.parametrize(("origins", "decides"), [(12, False), (99, True), (1000, True)])
def test_of_few_dates_each_decides_so_none_is_blamed(origins, decides):
    """The largest adds 0.6 standard errors: much among 100 dates, little among 12."""
    around = {"lower": 2.85 - 6.5, "upper": 2.85 + 6.5}
    found = judged(
        ("pooled.volatility", {"qlike_difference": 2.85, "largest": DAYS} | around),
        ("origins", origins),
    )
    assert ("decided_by" in found["criteria"]["qlike"]) is decides


def test_what_is_met_is_decided_by_no_day():
    found = judged(("pooled.volatility.largest", DAYS))
    assert all("decided_by" not in criterion for criterion in found["criteria"].values())


def test_a_value_just_above_its_limit_is_told_apart_from_it():
    found = {"value": 1.01702, "limit": 1.01698, "side": "most", "met": False, "what": ""}
    said = failed({"accepted": False, "criteria": {"interval_ratio": found}})
    assert said == "interval_ratio is 1.01702, at most 1.01698 is wanted"


# The champion.


@pytest.mark.parametrize(
    ("mode", "verdict", "accepted"),
    [
        ("not_worse", "better", True),
        ("not_worse", "no difference", True),
        ("not_worse", "worse", False),
        ("not_worse", "not comparable", True),
        ("better", "better", True),
        ("better", "no difference", False),
        ("better", "worse", False),
        ("better", "not comparable", False),
        ("ignore", "worse", True),
    ],
)
def test_a_champion_must_be_met_as_config_says(mode, verdict, accepted):
    found = judged(champion={"verdict": verdict}, beat_champion=mode)
    assert found["accepted"] is accepted
    assert ("champion" in found["criteria"]) is (mode != "ignore")
    if not accepted:
        assert unmet(found) == ["champion"]


def test_without_a_champion_there_is_nothing_to_beat():
    found = judged(beat_champion="better")
    assert found["accepted"] is True
    assert "champion" not in found["criteria"]


def test_what_failed_is_said_with_its_value_and_limit():
    found = judged(
        ("pooled.mae_ratio", 1.23456),
        ("pooled.var.1.passed", 5),
        champion={"verdict": "worse"},
        beat_champion="better",
    )
    assert failed(found) == (
        "mae_ratio is 1.235, at most 1.01 is wanted; kupiec_share is 0.5, at least 0.9 is wanted; "
        "champion is worse, wanted better"
    )


def test_a_deviation_far_from_usual_names_the_symbol_and_the_day_to_look_at():
    found = judged(("pooled.newest_deviation.ratio", 50.0))
    assert "deviation_ratio is 50, at most 10 is wanted" in failed(found)
    assert "B on 2024-01-31" in failed(found)
    assert "corrections.file" in failed(found)


def test_the_words_say_of_which_symbols_the_deviation_is_not_judged():
    found = judged(("pooled.newest_deviation.too_few_days", 3))
    assert not_judged(found) == ["deviation_ratio for 3 symbols with too few days"]
    assert found["criteria"]["deviation_ratio"]["met"] is True


def test_a_symbol_that_moves_for_the_first_time_is_said_to_have_hardly_moved_before():
    found = judged(("pooled.newest_deviation.ratio", 1e6))["criteria"]["deviation_ratio"]
    assert found["what"].endswith("the largest, of B, which hardly moved before")
    assert found["met"] is False


def test_without_enough_days_no_deviation_is_judged():
    found = judged(("pooled.newest_deviation", None))
    assert found["accepted"] is True
    assert found["criteria"]["deviation_ratio"]["met"] is None
