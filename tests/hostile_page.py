"""A report whose data and config are as hostile as possible."""

from pathlib import Path
from typing import Any

from forecasts import SMALL, write_clean

from conftest import market
from pricewright.files.disk import file_sha256
from pricewright.files.documents import write_json
from pricewright.reporting.text import ReportOptions
from report import report
from step_functions import train_or_score

SCRIPT = "<script>alert(1)</script>"
FORMULA = "=HYPERLINK(evil)"
LINK = "javascript:alert(1)"
BREAKOUT = "</script><script>alert(2)</script>"
HOSTILE = (SCRIPT, FORMULA, LINK, BREAKOUT)
TITLE = "<img src=x onerror=alert(3)> & \"us\" '{{ 7 * 7 }}'"
REASON = f"{BREAKOUT}<a href={LINK}>mended</a>"
SYMBOLS = 40


def hostile_report(folder: Path) -> Path:
    """Make the page of a small market whose names are markup and formulas, next to its sources."""
    names = dict(zip((f"S{number}" for number in range(SYMBOLS)), HOSTILE, strict=False))
    records = [
        record | {"symbol": names.get(record["symbol"], record["symbol"])}
        for record in market(symbols=SYMBOLS)
    ]
    digest = file_sha256(write_clean(folder / "prices.json", records))
    receipts = folder / "ingest.json", folder / "clean.json"
    write_json(receipts[0], _ingest(len(records)))
    write_json(receipts[1], _clean(len(records), digest))
    write_json(folder / "quality.json", _quality(records))
    train_or_score(
        folder / "prices.json",
        folder / "model.json",
        backtest=folder / "backtest.parquet",
        receipts=receipts,
        **(SMALL | {"refit": 10}),
    )
    report(
        folder / "model.json",
        folder / "report.txt",
        html=folder / "report.html",
        table=folder / "report_symbols.csv",
        backtest=folder / "backtest.parquet",
        quality=folder / "quality.json",
        layout=ReportOptions(title=TITLE),
        required={"deploy": 2},
    )
    return folder / "report.html"


def _ingest(rows: int) -> dict[str, Any]:
    delivered = {"sha256": "a" * 64, "bytes": 1, "rows": rows + 5, "left_out": 0, "in_bars": rows}
    delivered |= {"kept": rows, "quarantined": {"sign": 3, "conflict": 2}, "missing": {}}
    return delivered | {
        "source": f"https://{SCRIPT}",
        **{"superseded": 0, "restated": 0, "rescaled": 0, "withdrawn": 0, "symbols": SYMBOLS},
        **{"first_date": "2020-01-01", "last_date": "2020-07-14"},
        "deliveries": [{"place": SCRIPT} | delivered],
        "earlier": [],
        "records": {"path": "prices_raw.json", "sha256": "b" * 64, "rows": rows},
    }


def _clean(rows: int, digest: str) -> dict[str, Any]:
    correction = {"line": 1, "action": "set", "symbol": SCRIPT, "date": "2020-02-03"}
    correction |= {"column": "close", "was": 1.0, "value": 2.0, "reason": REASON}
    return {
        **{"rows_in": rows, "rows_out": rows, "duplicates": 0, "removed": 0, "dropped": 0},
        **{"corrected": 1, "corrections": [correction], "filled": {}},
        "flags": {"jump": 2, "gap": 1},
        "input": {"path": "prices_raw.json", "sha256": "b" * 64},
        "records": {"path": "prices_clean.json", "sha256": digest},
    }


def _quality(records: list[dict[str, Any]]) -> dict[str, Any]:
    jump = {"symbol": SCRIPT, "flag": "jump", "column": "close"}
    return {
        "rows": len(records),
        "symbols": SYMBOLS,
        "thresholds": {},
        "flags": {"jump": 2, "gap": 1},
        "worst": [],
        "traded": [{"symbol": LINK, "turnover": 2.0}, {"symbol": "S9", "turnover": 1.0}],
        "flagged": [
            jump | {"date": "2020-02-03"},
            jump | {"date": "2020-04-01"},
            {"symbol": None, "date": "2020-03-02", "flag": "gap", "last": "2020-05-04", "days": 40},
        ],
    }
