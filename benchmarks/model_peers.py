"""The peers' side of `models.py`: `python model_peers.py TASK INPUT OUTPUT [NAME=VALUE ...]`.

Runs in its own environment, made from model-peers.lock. The peers get the same series on the same
scale as `model_ours.py`, and the same dates for estimates and forecasts.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing import Pool
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from model_boosted import boosted

CORES = len(os.sched_getaffinity(0))
BOUND = NormalDist().inv_cdf(0.95)
RECENT = 1000
"""Observations that the slow peers learn from."""

MANY, FEW = 1000, (50, 8)
"""With more windows than this, slow peers forecast only the last dates of a few symbols."""

Floats = npt.NDArray[np.float64]
Arrays = dict[str, Any]
GARCH: dict[str, dict[str, Any]] = {
    "arch GARCH": {},
    "arch GJR-GARCH-t": {"o": 1, "dist": "t"},
    "arch EGARCH-t": {"vol": "EGARCH", "o": 1, "dist": "t"},
    "arch HARX": {"lags": [1, 5, 22]},
}
"""HARX uses squared changes, as usual without intraday prices."""

SIMULATIONS = 500
"""Simulated paths of an EGARCH, whose variance beyond one day ahead has no formula."""

TAIL = 0.025
AUTOMATIC = ("AutoETS", "AutoTheta", "AutoARIMA")


def speed(source: str, _: str, horizon: str, subsets: str) -> None:
    """Print the seconds per series as JSON; subsets: how many series each model gets."""
    from statsforecast import models

    values, steps = np.load(source)["values"], int(horizon)
    first = dict(zip(("garch", "ses", "theta"), map(int, subsets.split(",")), strict=True))
    raw = np.diff(values[:, : first["garch"]], axis=0)
    changes = raw / raw.std(axis=0)
    smoothing = models.SimpleExponentialSmoothingOptimized(), values[:, : first["ses"]]
    found = {"garch: arch": _seconds(lambda x: _arch(x).forecast(horizon=steps), changes)}
    for name, model, series in (
        ("garch: statsforecast", models.GARCH(1, 1), changes),
        ("garch: statsforecast, not scaled", models.GARCH(1, 1), raw),
        ("ses: statsforecast", *smoothing),
        ("theta: statsforecast", models.Theta(season_length=1), values[:, : first["theta"]]),
    ):
        alone = _seconds(lambda y, model=model: model.forecast(y, h=steps), series)
        found[f"{name}, one by one"] = alone
        found[f"{name}, StatsForecast"] = _together(model, series, steps)
    print(json.dumps({"seconds": found, "short": [_short(changes), _short(raw)]}))


def _short(series: Floats, count: int = 30) -> float:
    """How much less likely statsforecast's GARCH is than arch's: the median, in nats."""
    from statsforecast import models

    found = []
    for changes in series.T[:count]:
        constant, alpha, beta = models.GARCH(1, 1).fit(changes).model_["coeff"]
        at_theirs = _arch_model(changes / changes.std()).fix(
            [constant / changes.var(), alpha, beta]
        )
        found.append(_arch(changes).loglikelihood - at_theirs.loglikelihood)
    return float(np.median(found))


def _seconds(forecast: Callable[[Floats], Any], series: Floats) -> float:
    each = [np.ascontiguousarray(column) for column in series.T]
    forecast(each[0])
    begun = time.perf_counter()
    for one in each:
        forecast(one)
    return (time.perf_counter() - begun) / len(each)


def _together(model: Any, series: Floats, horizon: int) -> float:
    import pandas as pd
    from statsforecast import StatsForecast

    rows, count = series.shape
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(count), rows),
            "ds": np.tile(np.arange(rows), count),
            "y": series.T.ravel(),
        }
    )
    begun = time.perf_counter()
    StatsForecast(models=[model], freq=1, n_jobs=1).forecast(df=frame, h=horizon)
    return (time.perf_counter() - begun) / count


def _arch(changes: Floats, last: int | None = None, start: Any = None, **kind: Any) -> Any:
    """A fit on changes scaled to unit deviation; the parameters refer to that scale."""
    scaled = changes / changes[:last].std()
    model = _arch_model(scaled, **kind)
    return model.fit(disp="off", show_warning=False, last_obs=last, starting_values=start)


def _arch_model(scaled: Floats, **kind: Any) -> Any:
    from arch import arch_model

    return arch_model(scaled, mean="Zero", rescale=False, **({"vol": "GARCH"} | kind))


def numerics(source: str, output: str, horizon: str) -> None:
    """Print how far our GARCH, SES and Theta are from theirs, except for constant series."""
    from statsforecast import models

    ours, found = np.load(source), {}
    smoothing = {
        "ses": models.SimpleExponentialSmoothingOptimized(),
        "theta": models.Theta(season_length=1),
    }
    for column, symbol in enumerate(ours["symbols"].tolist()):
        values = np.ascontiguousarray(ours["values"][: ours["counts"][column], column])
        changes = np.diff(values)
        if not changes.any():
            found[symbol] = {}
            continue
        theirs = _arch(changes, dist="t")
        variance, alpha, persistence = (
            float(ours[name][column]) for name in ("variance", "alpha", "persistence")
        )
        place = [(1 - persistence) * variance / changes.var(), alpha, persistence - alpha]
        at_ours = _arch_model(changes / changes.std(), dist="t").fix([*place, theirs.params["nu"]])
        record = {"garch": at_ours.loglikelihood - theirs.loglikelihood}
        scale = (lambda x: x) if ours["levels"][column] else np.exp
        for name, model in smoothing.items():
            expected = scale(model.forecast(values, h=int(horizon))["mean"])
            record[name] = float(np.abs(scale(ours[name][column]) / expected - 1).max())
        found[symbol] = record
    print(json.dumps(found))


def windows(source: str, output: str) -> None:
    """Write forecasts from the given dates; failures become naive forecasts and are counted."""
    given = dict(np.load(source))
    given["slow"] = _fewer(given["usable"])
    made: Arrays = {"slow": given["slow"]}
    for contender in (variances, boosted, automatic):
        use = given["slow" if contender is automatic else "usable"]
        for name, found in contender(given):
            failed = _mend(found, given, use)
            print(f"{name}: {failed} of {int(use.sum())} forecasts failed", flush=True)
            made |= {f"{name}/{key}": array for key, array in found.items()}
    np.savez(output, **made)


def _fewer(usable: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The windows (K, S) of the slow peers: all, unless there are many."""
    if usable.sum() <= MANY:
        return usable
    dates, symbols = FEW
    columns = np.linspace(0, usable.shape[1] - 1, symbols).round().astype(np.intp)
    few = np.zeros_like(usable)
    few[-dates:, columns] = usable[-dates:, columns]
    return few


def _mend(found: Arrays, given: Arrays, use: npt.NDArray[np.bool_]) -> int:
    """Fill missing forecasts with naive ones of constant variance. Returns how many."""
    rows = np.maximum(given["rows"], 0)
    steps = np.arange(1, found["centres"].shape[-1] + 1)
    columns = np.arange(rows.shape[1])
    last = given["values"][rows, columns][..., None] + 0 * steps
    changes = np.nan_to_num(np.diff(given["values"], axis=0) ** 2)
    total = np.concatenate([np.zeros((1, len(columns))), np.cumsum(changes, axis=0)])
    plain = (total[rows, columns] / np.maximum(rows, 1))[..., None] * steps
    width = BOUND * np.sqrt(plain)
    instead = {"centres": last, "variances": plain, "lower": last - width, "upper": last + width}
    keys = [key for key in found if key in instead]
    bad = ~np.all([np.isfinite(found[key]).all(axis=-1) for key in keys], axis=0)
    bad &= use
    for key in keys:
        found[key] = np.where(bad[..., None], instead[key], found[key])
    return int(bad.sum())


def variances(given: Arrays) -> Iterator[tuple[str, Arrays]]:
    """arch's models, fitted on all earlier data and then filtered."""
    rows, daily = given["rows"], given["daily_rows"]
    horizon = int(given["horizon"])
    for name, kind in GARCH.items():
        variance = np.full((*rows.shape, horizon), np.nan)
        levels = given["grid"]
        every_day, after = np.full(daily.shape, np.nan), np.full((*daily.shape, 1), np.nan)
        after = np.repeat(after, len(levels) + 1, axis=-1)
        bound, far = np.full(variance.shape, np.nan), np.full((*rows.shape, len(levels)), np.nan)
        for column in np.flatnonzero(given["usable"].any(axis=0)):
            for forecasts, begin, end, shape in _followed(given, column, horizon, kind):
                for target, at in ((variance, rows), (every_day, daily)):
                    inside = np.flatnonzero((at[:, column] >= begin) & (at[:, column] < end))
                    there = forecasts[at[inside, column] - begin]
                    target[inside, column] = there if target is variance else there[:, 0]
                    if target is variance:
                        width = np.sqrt(there)
                        bound[inside, column] = shape[levels.tolist().index(0.95)] * width
                        far[inside, column] = shape[:-1] * width[:, -1:]
                    else:
                        after[inside, column] = np.sqrt(there[:, :1]) * shape
        last = given["values"][np.maximum(rows, 0), np.arange(rows.shape[1])][..., None]
        centres = np.broadcast_to(last, variance.shape)
        bounds = {"lower": centres - bound, "upper": centres + bound}
        made = {"centres": centres, "variances": variance, **bounds, "daily": every_day}
        yield name, made | {"next": after, "far": far}


def _followed(
    given: Arrays, column: int, horizon: int, kind: dict[str, Any]
) -> Iterator[tuple[Floats, int, int, Floats]]:
    """Variances over 1..H days from each row begin..end that a fit holds for; its quantiles, and
    the mean below that of TAIL."""
    count = int(given["counts"][column])
    changes = np.diff(given["values"][:count, column])
    estimates = np.unique(given["estimate_rows"][:, column])
    ends = [*estimates[1:].tolist(), count]
    start = None
    for begin, end in zip(estimates.tolist(), ends, strict=True):
        if begin < 60 or end <= begin or not changes[:begin].any():
            continue
        if "lags" in kind:
            ahead, fit = _har(changes, begin, horizon, **kind), None
        else:
            # `last_obs` is the first change outside the fit
            fit = _arch(changes, last=begin, start=start, **kind)
            start = fit.params
            # a forecast from change begin - 1 is one from observation begin
            simulated = {"method": "simulation", "simulations": SIMULATIONS, "random_state": RANDOM}
            how = simulated if "vol" in kind and horizon > 1 else {}
            ahead = fit.forecast(horizon=horizon, start=begin - 1, **how).variance.to_numpy()
        made = np.cumsum(ahead[: end - begin], axis=1) * changes[:begin].var()
        yield made, begin, end, _shape(fit if "dist" in kind else None, given["grid"])


RANDOM = np.random.RandomState(1)


def _har(changes: Floats, begin: int, horizon: int, lags: list[int]) -> Floats:
    """HARX's forecasts of squared changes, at least a hundredth of their mean."""
    from arch.univariate import HARX

    squared = changes**2 / changes[:begin].var()
    fit = HARX(squared, lags=lags, rescale=False).fit(
        disp="off", show_warning=False, last_obs=begin
    )
    found = fit.forecast(horizon=horizon, start=begin - 1).mean.to_numpy()
    return np.maximum(found, 0.01)


def _shape(fit: Any, levels: Floats) -> Floats:
    """(Q + 1,): the quantiles, and the mean below that of TAIL, of a fit's own Student's t, or of
    the normal distribution."""
    if fit is None:
        standard = NormalDist()
        below = standard.inv_cdf(TAIL)
        quantiles = [standard.inv_cdf(level) for level in levels.tolist()]
        return np.array([*quantiles, -standard.pdf(below) / TAIL])
    own, shape = fit.model.distribution, fit.params[["nu"]]
    below = float(own.ppf(TAIL, shape))
    return np.array([*own.ppf(levels, shape), own.partial_moment(1, below, shape) / TAIL])


def automatic(given: Arrays) -> Iterator[tuple[str, Arrays]]:
    """statsforecast's automatic models, chosen and fitted at each date."""
    places = np.argwhere(given["slow"])
    horizon = int(given["horizon"])
    histories = [
        np.ascontiguousarray(given["values"][: given["rows"][k, s] + 1, s][-RECENT:])
        for k, s in places
    ]
    with Pool(CORES) as pool:
        for name in AUTOMATIC:
            shape = (*given["rows"].shape, horizon)
            found = {key: np.full(shape, np.nan) for key in ("centres", "lower", "upper")}
            tasks = [(name, history, horizon) for history in histories]
            for (k, s), made in zip(places, pool.imap(_automatic, tasks, 4), strict=True):
                for key, forecast in zip(found, made, strict=True):
                    found[key][k, s] = forecast
            yield f"statsforecast {name}", found


def _automatic(task: tuple[str, Floats, int]) -> Floats:
    from statsforecast import models

    name, history, horizon = task
    warnings.simplefilter("ignore")
    try:
        made = getattr(models, name)(season_length=1).forecast(history, h=horizon, level=[90])
    except Exception:  # any failure is counted
        return np.full((3, horizon), np.nan)
    return np.array([made["mean"], made["lo-90"], made["hi-90"]])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    task, files, options = sys.argv[1], sys.argv[2:4], sys.argv[4:]
    globals()[task](*files, **dict(option.split("=", 1) for option in options))
