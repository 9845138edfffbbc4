"""Verify: check the ledger, signatures, releases, forecasts and received data, offline."""

from contextlib import suppress
from pathlib import Path

from pricewright.commands.options import ConfigFiles
from pricewright.configuration.config import WORKFLOW, config_of_run, read_config
from pricewright.files.errors import Refusal
from pricewright.monitoring.record_days import verify_record
from pricewright.releases import history
from pricewright.releases import rebuild as rebuilding
from pricewright.signoffs import ledger
from pricewright.signoffs.gates import audit
from pricewright.signoffs.ledger import LEDGER, Entry, describe_torn
from pricewright.signoffs.policy import load_policy
from pricewright.signoffs.received import changed_archives, lost_bytes


def verify(*, rebuild: bool = False, configfile: ConfigFiles = ()) -> None:
    """Check the ledger, signatures, releases, record of forecasts and received data, offline.

    Prints what is wrong, and ends with exit code 1 if anything is. Also prints what cannot be
    proved, because an earlier version of Pricewright kept too little.

    ```
    pricewright verify --rebuild
    ```

    Parameters
    ----------
    rebuild
        Also run the workflow again in a temporary folder, from the raw bytes that are kept, and
        compare the model, which should be the same bytes. If another library version rounds
        differently, the same decisions and numbers within 1e-9 pass, with a note.
    """
    root = Path()
    entries = _entries(root)
    if entries is None:
        config = read_config(configfile)
    else:
        config, configfile = config_of_run(root, configfile)
    policy = load_policy(root, config["signoffs"], config["accept"]["allow_unaccepted"])
    found = audit(root, policy, history.seen_by_releases(root))
    problems = [*found.problems, *history.verify_releases(root)]
    if entries is not None:
        received = root / config["source"]["received"]
        problems += verify_record(root)
        problems += changed_archives(root, received, entries)
        problems += lost_bytes(root, received, entries)
    if rebuild:
        problems += rebuilding.rebuild(root, _steps(), tell=print)
    unproven = history.unproven_switches(root)
    notes = [history.describe_dropped(root), *found.notes, *unproven]
    if entries is not None:
        notes.append(describe_torn(root / LEDGER))
    for line in filter(None, [*notes, *problems]):
        print(line)
    if problems:
        raise Refusal(f"{len(problems)} problem{'s' * (len(problems) > 1)} found; see above.")
    but = ", except for what cannot be proved (above)" if unproven else ""
    print(
        "The ledger, the signatures, the releases, their forecasts and the received data are "
        f"intact{but}."
    )


def _entries(root: Path) -> list[Entry] | None:
    """The lines of the ledger; None if it is damaged, which `audit` names."""
    with suppress(Refusal):
        return ledger.read(root / LEDGER)
    return None


def _steps() -> rebuilding.Steps:
    """The steps that make a model, in their present code."""
    from clean import clean
    from ingest import ingest
    from train_or_score import train_or_score

    script = WORKFLOW / "workflow/scripts/train_or_score.py"
    return rebuilding.Steps(
        ingest=ingest, clean=clean, train_or_score=train_or_score, script=script
    )
