"""What the last run found about the release in production, in a few words."""

import orjson
import pytest

from pricewright.files.errors import Refusal
from pricewright.monitoring.summary import describe_watch, forecasts_nothing, watch_warning
from pricewright.signoffs import ledger

RELEASE, OTHER = 64 * "a", 64 * "b"

RED = {"release": RELEASE, "model": 64 * "c", "colour": "red", "reasons": ["one", "two", "three"]}
RED |= {"yellow_since": "2026-01-05", "red_since": "2026-01-08"}
JUDGED = {"evidence": 120.4, "limits": {"yellow": 20.0, "red": 100.0}, "days": 12, "days_late": 0}
JUDGED |= {"coverage": {"live": 0.8125, "promised": 0.9}}


@pytest.fixture
def root(tmp_path):
    """A project with a release in production."""
    (tmp_path / "production").mkdir()
    (tmp_path / "production/current").symlink_to(f"releases/{RELEASE}")
    return tmp_path


def left(root, found):
    (root / "results").mkdir(exist_ok=True)
    (root / "results/monitor.json").write_bytes(orjson.dumps(found))


def test_a_red_watch_has_its_day_two_reasons_and_the_evidence(root):
    left(root, RED | JUDGED)
    assert describe_watch(root) == [
        "red, since 2026-01-08, of release aaaaaaaaaaaa: results/monitor.html",
        "because one",
        "because two",
        "evidence 120.4, yellow at 20, red at 100",
        "12 days, 81.2% of prices within the 90% interval",
    ]
    assert watch_warning(root) == (
        "THE WATCH IS RED since 2026-01-08: one; two; three; see results/monitor.html."
    )


def test_a_green_watch_has_no_warning_and_only_what_can_be_said(root):
    green = {"colour": "green", "reasons": [], "yellow_since": None, "red_since": None}
    few = {"days": 1, "days_late": 3, "coverage": {"live": None, "promised": 0.9}}
    left(root, RED | JUDGED | green | few)
    first, _, days = describe_watch(root)
    assert first == "green, of release aaaaaaaaaaaa: results/monitor.html"
    assert days == "1 day; 3 recorded too late to count"
    assert watch_warning(root) is None


def test_a_yellow_watch_has_the_day_since_which_it_is_if_evidence_made_it_so(root):
    yellow = {"colour": "yellow", "reasons": ["one"], "red_since": None}
    left(root, RED | yellow)
    assert watch_warning(root).startswith("THE WATCH IS YELLOW since 2026-01-05: one; ")
    left(root, RED | yellow | {"yellow_since": None})  # odd data
    assert watch_warning(root).startswith("THE WATCH IS YELLOW: one; ")
    assert describe_watch(root)[0].startswith("yellow, of release ")


def test_before_a_release_and_before_the_first_run_there_is_nothing_to_say(root):
    assert (describe_watch(root), watch_warning(root)) == ([], None)
    left(root, RED | {"release": None, "model": None, "colour": "green", "reasons": []})
    assert (describe_watch(root), watch_warning(root)) == ([], None)


def test_a_link_to_a_release_that_the_ledger_does_not_know_is_red(root):
    left(root, RED | {"release": None, "model": None, "red_since": None, "yellow_since": None})
    assert describe_watch(root)[0] == "red: results/monitor.html"


def test_what_was_found_about_the_release_before_is_not_said_of_this_one(root):
    before = ["about the previous release: the next run watches the one in production"]
    left(root, RED | {"release": OTHER})
    assert describe_watch(root) == before
    # nothing was forecast, because the link was not as the ledger says
    left(root, RED | {"release": OTHER, "model": None})
    assert describe_watch(root)[0].startswith("red, since")
    ledger.append(root / "ledger", "release", release=RELEASE)
    ledger.append(root / "ledger", "smoke-test-passed", release=RELEASE)
    assert describe_watch(root) == before


@pytest.mark.parametrize(
    ("reasons", "nothing"),
    [
        (["nothing is forecast: production/current is missing"], True),
        (["the release cannot forecast: no symbol has a newest price"], True),
        (["the record is not intact: a file is missing"], False),
        ([], False),
    ],
)
def test_whether_a_run_forecast_anything_is_known_from_the_reasons(root, reasons, nothing):
    assert not forecasts_nothing(root)
    left(root, RED | {"reasons": reasons})
    assert forecasts_nothing(root) == nothing


def test_a_file_that_no_run_wrote_is_refused(root):
    left(root, {"colour": "red"})
    with pytest.raises(Refusal, match=r"results/monitor\.json is not as a run writes it"):
        watch_warning(root)
