"""What was estimated is kept: a model that grew day by day is the one that is made from nothing."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from forecasts import SMALL, chosen, records_of, simulated, uneven, walked, write_clean

from pricewright.forecasting import garch
from pricewright.forecasting.estimates import NUMBERS
from pricewright.forecasting.timeline import make_timeline
from pricewright.forecasting.volatility import GARCH_CHANGES
from pricewright.training.estimates_file import (
    KEPT,
    _checks,
    read_estimates,
    write_estimates,
)
from step_functions import train_or_score

SETTINGS = SMALL | {"refit": 4, "volatility": "garch11", "calibration": 100}


def made(folder, panel, project=None, **changes):
    """The bytes of a model, and how many searches for parameters it took."""
    folder.mkdir(exist_ok=True)
    clean = write_clean(folder / "clean.json", records_of(panel))
    train_or_score(clean, folder / "model.json", project=project, **(SETTINGS | changes))
    return (folder / "model.json").read_bytes()


@pytest.fixture
def searches(monkeypatch):
    """How many symbols were searched for, each time."""
    found, honest = [], garch.fit

    def counted(changes, start=None):
        found.append(changes.shape[1])
        return honest(changes, start)

    monkeypatch.setattr(garch, "fit", counted)
    return found


@pytest.mark.parametrize("volatility", ["garch11", "combined"])
def test_a_model_that_grew_is_the_one_that_is_made_from_nothing(tmp_path, searches, volatility):
    panel = simulated(3, 400)
    for later in (21, 20, 1, 0):  # the first of which falls between two estimates
        so_far = panel.until(int(panel.calendar[-1 - later]))
        searches.clear()
        grown = made(tmp_path, so_far, tmp_path, volatility=volatility)
        with_kept = sum(searches)
        assert grown == made(tmp_path, so_far, volatility=volatility)
    assert sum(searches) - 2 * with_kept > 15  # what is left is the check for leaks


def test_the_newest_estimate_is_never_taken_from_the_file(tmp_path):
    panel, settings = simulated(2, 400), chosen(volatility="garch11", refit=4)
    estimates = walked(panel, settings).estimates
    write_estimates(tmp_path / "garch.parquet", estimates, panel.symbols)
    days = estimates.days.tolist()
    found = read_estimates(tmp_path / "garch.parquet", "", panel.symbols, days)
    assert found.digests[:, :-1].any(axis=2).all()
    assert not found.digests[:, -1].any()


def test_of_days_that_were_there_nothing_is_searched_for_and_of_a_new_one_once(searches):
    panel, settings = uneven(), chosen(volatility="garch11", refit=4)
    first = walked(panel.until(int(panel.calendar[-2])), settings).estimates
    kept = aligned(first, panel, settings)
    searches.clear()
    walked(panel, settings, kept=kept)
    assert searches == [5]  # at the end, of all but the one that came late


def test_of_days_that_a_longer_evaluation_estimated_nothing_is_searched_for(searches):
    panel, settings = simulated(2, 900), chosen(volatility="garch11", refit=4)
    first = walked(panel, chosen(volatility="garch11", refit=4, origins=80)).estimates
    kept = aligned(first, panel, settings)
    assert first.days[0] < kept.days[0]
    searches.clear()
    walked(panel, settings, kept=kept)
    assert searches == []


def aligned(estimates, panel, settings):
    """Estimates at the days of a longer panel."""
    days = [*make_timeline(panel, settings).estimates.tolist(), int(panel.calendar[-1])]
    found = type(estimates).none(len(panel), days, estimates.code)
    both = np.intersect1d(days, estimates.days)
    into, out = (np.searchsorted(part, both) for part in (days, estimates.days))
    found.digests[:, into], found.numbers[:, into] = (
        estimates.digests[:, out],
        estimates.numbers[:, out],
    )
    return found


def test_a_restated_price_has_its_symbol_searched_for_from_then_on_and_no_other(searches):
    panel, settings = simulated(4, 400), chosen(volatility="garch11", refit=4)
    kept = walked(panel, settings).estimates
    prices = panel.prices.copy()
    prices[300, 2] *= 1.01
    other = type(panel).of(panel.symbols, panel.days, prices)
    searches.clear()
    found = walked(other, settings, kept=kept)
    after = int((kept.days >= panel.days[300, 0]).sum())
    assert sum(searches) == after
    for one, two in zip(found.pieces, walked(other, settings).pieces, strict=True):
        np.testing.assert_array_equal(one.variances, two.variances)


def test_symbols_with_short_histories_are_estimated_again_beside_longer_ones_that_are_kept(
    searches,
):
    panel, settings = uneven(900), chosen(volatility="garch11", refit=4)
    kept = walked(panel, settings).estimates
    (shortest,) = np.flatnonzero(panel.counts == panel.counts.min())
    assert 2 * panel.counts[shortest] <= len(panel.days)
    days = int(kept.digests[shortest].any(axis=-1).sum())
    kept.digests[shortest] = 0
    searches.clear()
    found = walked(panel, settings, kept=kept)
    assert 0 < sum(searches) <= days  # on the first days it had too few changes
    for one, two in zip(found.pieces, walked(panel, settings).pieces, strict=True):
        np.testing.assert_array_equal(one.variances, two.variances)


@pytest.mark.parametrize("changes", [{"window_days": 300}, {"embargo_days": 2}, {"refit": 8}])
def test_what_other_settings_made_is_not_taken(changes):
    panel = simulated(2, 400)
    kept = walked(panel, chosen(volatility="garch11", refit=4)).estimates
    settings = chosen(**({"volatility": "garch11", "refit": 4} | changes))
    again = walked(panel, settings, kept=aligned(kept, panel, settings))
    anew = walked(panel, settings)
    np.testing.assert_array_equal(again.pieces[0].variances, anew.pieces[0].variances)


def test_what_other_code_made_is_not_taken(searches):
    panel, settings = simulated(2, 400), chosen(volatility="garch11", refit=4)
    days = [*make_timeline(panel, settings).estimates.tolist(), int(panel.calendar[-1])]
    kept = walked(panel, settings, kept=type(walked(panel, settings).estimates).none(2, days, "a"))
    estimates = kept.estimates
    assert estimates.code == "a"
    searches.clear()
    walked(panel, settings, kept=estimates)
    assert searches == []
    walked(panel, settings, kept=type(estimates)("b", *list(vars(estimates).values())[1:]))
    long_enough = [day for day in days if panel.upto(day)[0] > GARCH_CHANGES]
    assert sum(searches) == 2 * len(long_enough)


def test_the_file_has_a_plain_row_for_each_symbol_and_day(tmp_path):
    panel, settings = simulated(3, 400), chosen(volatility="garch11", refit=4)
    estimates = walked(panel, settings).estimates
    path = tmp_path / "garch.parquet"
    write_estimates(path, estimates, panel.symbols)
    table = pq.read_table(path).to_pandas()
    assert len(table) == 3 * len(estimates.days)
    assert table.groupby("symbol").day.is_monotonic_increasing.all()
    assert (table.alpha + 1e-12 < table.persistence).any()
    wanted = [panel.symbols[2], "NEW", panel.symbols[0]]
    days = [*estimates.days[3:].tolist(), int(estimates.days[-1]) + 9]
    found = read_estimates(path, "", wanted, days)
    np.testing.assert_array_equal(found.numbers[[0, 2], :-1], estimates.numbers[[2, 0], 3:])
    np.testing.assert_array_equal(found.digests[[0, 2], :-1], estimates.digests[[2, 0], 3:])
    assert not found.digests[1].any()
    assert not found.digests[:, -1].any()


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", None])
def test_a_file_that_is_none_is_made_anew(tmp_path, content):
    panel = simulated(2, 300)
    path = tmp_path / KEPT
    path.parent.mkdir(parents=True)
    if content is None:
        pq.write_table(pq.read_table(write_of_another_kind(tmp_path)), path)
    else:
        path.write_bytes(content)
    made(tmp_path, panel, tmp_path)
    assert pq.read_table(path).num_rows > 0


@pytest.mark.parametrize("name", ["check", "symbol", "alpha"])
def test_a_file_with_a_name_that_was_damaged_is_made_anew(tmp_path, caplog, name):
    panel = simulated(2, 300)
    model, path = made(tmp_path, panel, tmp_path), tmp_path / KEPT
    content = path.read_bytes()
    path.write_bytes(content.replace(name.encode(), b"\xff" + name[1:].encode()))
    assert made(tmp_path, panel, tmp_path) == model
    assert "estimating again" in caplog.text
    assert path.read_bytes() == content


def write_of_another_kind(folder):
    import pyarrow as pa

    path = folder / "other.parquet"
    pq.write_table(pa.table({"symbol": ["A"], "day": [1]}), path)
    return path


def test_where_nothing_can_be_kept_the_model_is_made_all_the_same(tmp_path, caplog):
    (tmp_path / "data").write_text("a file, where a folder is needed")
    assert made(tmp_path, simulated(2, 300), tmp_path)
    assert "the estimates could not be kept" in caplog.text


def changed(path, whole):
    """Another alpha in a file; whole: with digests that are of it."""
    table = pq.read_table(path)
    alpha = table["alpha"].to_numpy() * 1.01
    place = table.schema.get_field_index("alpha")
    table = table.set_column(place, "alpha", [alpha])
    if whole:
        digests = np.frombuffer(b"".join(table["digest"].to_pylist()), "<u8").reshape(-1, 4)
        numbers = np.stack([table[name].to_numpy() for name in NUMBERS], axis=-1)
        place = table.schema.get_field_index("check")
        table = table.set_column(place, "check", [_checks(digests, numbers)])
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("whole", "reason"),
    [(False, "is not as it was written"), (True, "may be wrong: leak: column garch of S0")],
)
def test_where_a_kept_number_was_changed_all_are_made_anew(tmp_path, caplog, whole, reason):
    panel = simulated(2, 400)
    honest = made(tmp_path, panel, tmp_path)
    changed(tmp_path / KEPT, whole)
    kept = (tmp_path / KEPT).read_bytes()
    assert made(tmp_path, panel, tmp_path) == honest
    assert any(reason in str(record.__dict__) for record in caplog.records)
    assert (tmp_path / KEPT).read_bytes() != kept
