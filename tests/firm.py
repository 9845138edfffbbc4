"""A firm: an office with real results, which can be released once people have signed."""

import contextlib
import shutil
from functools import cache
from pathlib import Path

import pytest

from conftest import ROOT, SCRIPTS, as_csv, market
from deploy import deploy
from people import Office
from pricewright.configuration.config import (
    clean_options,
    complete,
    ingest_options,
    training_options,
)
from pricewright.files.provenance import code_digest
from pricewright.releases import store
from pricewright.releases.evidence import Origin
from pricewright.releases.history import releases_folder, signed_files
from pricewright.releases.release import release, roll_back
from pricewright.reporting.text import ReportOptions
from pricewright.signoffs import ledger
from pricewright.signoffs.signed_files import PAGE
from pricewright.tables.options import make
from report import report
from step_functions import clean, ingest, train_or_score


def small_config():
    """The complete config of a small market."""
    config = {
        # each delivery is a different market, so a shrinking delivery is fine
        "source": {"uri": "data/small.csv", "columns": {}, "max_shrink": 1.0},
        "model": {"price": "close", "horizon": 5, "min_history": 40, "calibration": 100},
        "evaluation": {"origins": 20},
        "accept": {"allow_unaccepted": True},  # 140 days miss some criterion
        "report": {"title": "Small market"},
    }
    complete(config)
    return config


def make_results(folder: Path, seed: int = 1, config=None) -> None:
    """Run the five steps on a small market in `folder`, as the rules do."""
    folder.mkdir(parents=True, exist_ok=True)
    config = config or small_config()
    with contextlib.chdir(folder):
        Path("data").mkdir(exist_ok=True)
        Path("data/small.csv").write_text(as_csv(market(seed=seed)))
        results = Path("results")
        raw, table = results / "prices_raw.json", results / "prices_clean.json"
        receipts = [results / "ingest.json", results / "clean.json"]
        ingest(
            output=raw,
            receipt=receipts[0],
            quarantine=results / "quarantine.json",
            restatements=results / "restatements.json",
            **ingest_options(config),
        )
        clean(
            raw,
            table,
            receipt=receipts[1],
            quality=results / "data_quality.json",
            corrections=config["corrections"]["file"],
            **clean_options(config),
        )
        model, given = results / "model.json", config["score"]["model"]
        train_or_score(table, model, model=given, receipts=receipts, **training_options(config))
        layout = make(ReportOptions, config["report"])
        report(model, results / "report.txt", layout=layout, allow_unaccepted=True)
        deploy(results / "report.txt", results / "deployed_model.json", allow_unaccepted=True)
        Path(PAGE).write_text(f"<html>run {seed}</html>\n")


@cache
def code() -> str:
    """The digest of the code that makes models."""
    return code_digest(SCRIPTS / "train_or_score.py")


class Firm(Office):
    """An office with real results, which are copied from the folders `made`."""

    def __init__(self, root: Path, keys: dict[str, Path], made: list[Path]) -> None:
        super().__init__(root, keys)
        self.made, self.config, self.code = made, small_config(), code()
        self.config["signoffs"] = self.signoffs
        self.allow_unaccepted = True
        self.workflow = ROOT / "workflow"
        self.train(0)

    @property
    def production(self) -> Path:
        return self.root / "production"

    @property
    def ledger_file(self) -> Path:
        return self.root / "ledger/ledger.jsonl"

    @property
    def current(self) -> str | None:
        """The digest that the link points to."""
        link = self.production / "current"
        return link.readlink().name if link.is_symlink() else None

    @property
    def origin(self) -> Origin:
        return Origin(self.config, self.workflow, self.code)

    def train(self, which: int) -> None:
        """Replace the results by those of another run."""
        for name in ("results", "data"):
            shutil.rmtree(self.root / name, ignore_errors=True)
            shutil.copytree(self.made[which] / name, self.root / name)
        self.record_run("author")

    def release(self) -> str:
        return release(self.root, self.origin, self.clock)

    def signed(self, which: int) -> None:
        """Take the results of a run, and have the reviewer sign them a minute later."""
        self.train(which)
        self.wait(minutes=1)
        self.sign_all("reviewer")

    def signed_release(self, which: int) -> str:
        """Release the results of a run, signed by the reviewer."""
        self.signed(which)
        return self.release()

    def remade(self) -> None:
        """Record the current results as made by the author, and have the reviewer sign them."""
        self.record_run("author")
        self.sign_all("reviewer")

    def roll_back(self, to: str) -> str:
        return roll_back(self.root, to, self.config, self.clock)

    def sign_release(self, who: str, digest: str) -> None:
        """Sign at gate deploy for a rollback to a release."""
        self.sign(who, "deploy", files=signed_files(self.root, digest))

    def events(self) -> list[str]:
        """The ledger's events about production, in order."""
        kinds = ("release", "rollback", "smoke-test-passed", "smoke-test-failed", "undone")
        return [e.event for e in ledger.read(self.root / "ledger") if e.event in kinds]

    def released(self) -> list[str]:
        return store.stored_releases(releases_folder(self.root))

    def tree(self) -> dict[str, tuple[int, int, bytes]]:
        """All files on record or in production, with their content and times of change."""
        found = {}
        for part in ("production", "ledger", "signoffs"):
            for path in sorted((self.root / part).rglob("*")):
                stat = path.lstat()
                content = path.read_bytes() if path.is_file() else b""
                found[str(path)] = (stat.st_mtime_ns, stat.st_ctime_ns, content)
        return found


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders with the results of three runs on different prices; do not change them."""
    folders = [tmp_path_factory.mktemp(f"made{seed}") for seed in (1, 2, 3)]
    for seed, folder in enumerate(folders, 1):
        make_results(folder, seed)
    return folders


@pytest.fixture
def firm(tmp_path: Path, keys: dict[str, Path], made: list[Path]) -> Firm:
    """An office with the results of the first run, for which nobody has signed yet."""
    return Firm(tmp_path / "firm", keys, made)
