"""Measure how fast the report of many symbols is made and opens: `make bench-page`.

Uses made-up prices, the real steps and Debian's chromium. See benchmarks/README.md.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from overhead import fresh_copy
from reading import MB, facts, run, show, title, typical

HERE = Path(__file__).resolve().parent
FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
WORK = """() => {
  const timed = (work) => {
    const begun = performance.now();
    work();
    document.body.offsetHeight; // layout, too
    return (performance.now() - begun) / 1000;
  };
  return {
    sort: timed(() => sortBy(3, 1)),
    filter: timed(() => { element("filter").value = "42"; show(); }),
    "show all": timed(() => { element("filter").value = ""; everything = true; show(); }),
  };
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=2_500, help="of each of these")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    facts(with_peers=False)
    with tempfile.TemporaryDirectory() as folder:
        page = made(Path(folder), options.series, options.days, options.rounds)
        open_it(page, options.rounds)


def made(folder: Path, series: int, days: int, rounds: int) -> Path:
    """Make the page of some made-up series."""
    title(f"The steps, their start included; {series:,} series of {days:,} days, 20 origins")
    scripts = fresh_copy(folder / "project") / "workflow" / "scripts"
    simulate = (HERE / "model_ours.py", scripts, "simulate", "-", folder / "prices.npz")
    run(sys.executable, *simulate, f"series={series}", f"days={days}")
    prices, model, page = (folder / name for name in ("prices.parquet", "model.json", "page.html"))
    backtest = folder / "backtest.parquet"
    train = (scripts / "train_or_score.py", "--input", prices, "--output", model, "--threads", 2)
    size = ("--horizon", 14, "--origins", 20)
    report = (scripts / "report.py", "--input", model, "--output", folder / "report.txt")
    runs = defaultdict(list)
    for _ in range(rounds):
        runs["train, no back-test"].append(run(sys.executable, *train, *size)[0])
        runs["train"].append(run(sys.executable, *train, *size, "--backtest", backtest)[0])
        runs["report"].append(
            run(sys.executable, *report, "--html", page, "--backtest", backtest)[0]
        )
    show(runs)
    for path in (model, backtest, page):
        print(f"{path.name}: {path.stat().st_size / MB:.0f} MB")
    print(f"report: {typical(runs, 'report', 'memory'):.0f} MB of memory (target: at most 1000)")
    return page


def open_it(page: Path, rounds: int) -> None:
    """Open the page, use its table and let it draw the pictures of a symbol."""
    title("The page in chromium")
    seconds = defaultdict(list)
    sys.path.insert(0, str(HERE.parent / "tests"))
    from browser import browser, opened

    with browser() as chromium:
        for _ in range(rounds):
            begun = time.perf_counter()
            with opened(chromium, page) as found:
                found.page.evaluate(FRAMES)
                seconds["open"].append(time.perf_counter() - begun)
                for what, taken in found.page.evaluate(WORK).items():
                    seconds[what].append(taken)
                begun = time.perf_counter()
                found.page.evaluate("look(rows[1000 % rows.length].cells[0].textContent)")
                found.page.locator("#sight article:first-child figure:nth-child(3) svg").wait_for()
                seconds["pictures"].append(time.perf_counter() - begun)
                assert not found.complaints
    for what, taken in seconds.items():
        print(f"{what:10}{statistics.median(taken):8.2f} s")
    print(f"open: {statistics.median(seconds['open']):.2f} s (target: less than 3)")


if __name__ == "__main__":
    main()
