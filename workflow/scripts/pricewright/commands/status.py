"""Status: how the last run went, what is out of date, who signed what, what is in production."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from running.past_runs import last_start

from pricewright.commands.options import ConfigFiles
from pricewright.configuration.config import (
    WORKFLOW,
    config_file,
    config_of_run,
    read_config,
    received_deliveries,
    source_digests,
    source_files,
)
from pricewright.files.disk import file_sha256, read_begin, read_whole
from pricewright.files.documents import as_written_by_a_run, parse_json
from pricewright.files.errors import Refusal
from pricewright.forecasting.model_file import named_model
from pricewright.monitoring.summary import describe_watch
from pricewright.notices.facts import late
from pricewright.releases.history import describe_switches
from pricewright.signoffs.gates import check_gates
from pricewright.signoffs.policy import load_policy
from pricewright.signoffs.presentation import signoff_overview
from pricewright.signoffs.signed_files import (
    CLEANING,
    DEPLOYED,
    MODEL,
    RECEIPT,
    REPORT,
    covered_folder,
    digests,
    read_covered,
)
from pricewright.steplog.last_run import Attempt, describe_run, last_run

_HEAD = 4096
_DATA = re.compile(rb'"data": \{[^}]*"sha256": "([0-9a-f]{64})"')
"""Where a model, which may be large, says in its first lines what it was made from."""


def outdated(root: Path, inputs: Sequence[Path], began: datetime | None) -> list[str]:
    """What is not there, not of one piece, or older than what it was made from: a line each.

    inputs: what the first step reads, and the config.  began: when the last run did, if ever one
    did. What a change of code or of options means, only `snakemake -n` knows.
    """
    if began is None:
        return []
    notes = [
        f"{path} was written after the last run began"
        for path in inputs
        if (root / path).exists() and _written(root / path) > began
    ]
    try:
        with as_written_by_a_run("results/: a file"):
            notes += _links(root)
    except Refusal as refusal:
        notes.append(str(refusal))
    return notes


def _links(root: Path) -> Iterator[str]:
    """Each step's result that is not of the one before it: a digest says so on both sides."""
    raw, clean = (_receipt(root, name) for name in (RECEIPT, CLEANING))
    if raw["records"]["sha256"] != clean["input"]["sha256"]:
        yield f"{CLEANING} is of other prices than {RECEIPT}"
    data = _DATA.search(read_begin(root / MODEL, _HEAD))
    if data is None or data[1].decode() != clean["records"]["sha256"]:
        yield f"{MODEL} was made from other prices than {CLEANING} is about"
    model = file_sha256(root / MODEL)
    page = read_whole(root / REPORT).decode(errors="replace")
    if named_model(page, REPORT)[1] != model:
        yield f"{REPORT} is about another model than {MODEL}"
    if not (root / DEPLOYED).exists():
        yield f"{DEPLOYED} is not there"
    elif file_sha256(root / DEPLOYED) != model:
        yield f"{DEPLOYED} is another model than {MODEL}"


def _receipt(root: Path, name: str) -> dict[str, Any]:
    receipt: dict[str, Any] = parse_json(read_whole(root / name), name)
    return receipt


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def status(*, configfile: ConfigFiles = ()) -> None:
    """Show how the last run went, who signed what, and what is in production.

    Also what in `results/` is out of date, as far as the files alone tell, and the watch.

    ```
    pricewright status
    ```
    """
    root = Path()
    parts: dict[str, str] = {}
    try:
        config, configfile = config_of_run(root, configfile)
    except Refusal as refusal:  # the ledger may be damaged, and the rest be told all the same
        config = read_config(configfile)
        parts["Config"] = f"  {refusal}"
    run = last_run(root)
    parts["Last run"] = describe_run(run)
    parts["Out of date"] = _told(lambda: _outdated_results(root, config, configfile, run))
    parts["Sign-offs"] = _told(lambda: [_signoffs(root, config, configfile)], indent="")
    parts["Releases"] = _told(lambda: [describe_switches(root)], indent="")
    parts["Watch"] = "\n".join(
        filter(None, [_told(lambda: describe_watch(root)), _told(lambda: _late(root, config))])
    )
    print("\n\n".join(f"{heading}\n{text}" for heading, text in parts.items() if text))


def _told(part: Callable[[], Sequence[str]], indent: str = "  ") -> str:
    """The lines of a part; what keeps it from being told is its line, and the others are told."""
    try:
        with as_written_by_a_run("a file"):
            return "\n".join(f"{indent}{line}" for line in part() if line)
    except (Refusal, OSError) as error:
        return f"  {error}"


def _late(root: Path, config: dict[str, Any]) -> list[str]:
    """That the data are late, if they are."""
    notice = late(root, config)
    return [notice.text] if notice else []


def _outdated_results(
    root: Path,
    config: dict[str, Any],
    configfile: Sequence[Path],
    run: Mapping[str, Sequence[Attempt]],
) -> list[str]:
    """What is older than what it is made from; nothing yet, while a step is at work on it."""
    if any(tries[-1].state == "running" for tries in run.values()):
        return []
    began = last_start(root)
    if began is None:
        return []
    notes = outdated(root, [Path(config_file(WORKFLOW)), *configfile], began)
    try:
        with as_written_by_a_run("results/: a file"):
            found = _not_taken_in(root, config, source_files(config, WORKFLOW))
    except Refusal as refusal:
        found = [str(refusal)]
    return [*dict.fromkeys([*found, *notes]), _ANEW] if found or notes else []


_ANEW = (
    "`snakemake --cores 1` makes it anew; if that has nothing to do, `snakemake --cores 1 "
    "--forcerun ingest` does."
)


def _not_taken_in(root: Path, config: Mapping[str, Any], files: Sequence[str]) -> list[str]:
    """The source's files that are in no delivery of the last results, and whether one that was
    received is not; after a backup was put back, for one. As of a declared day some files wait, and
    of an archive of several files only these are known."""
    if config["source"]["last_day"]:
        return []
    receipt = _receipt(root, RECEIPT)
    counted = {each["sha256"] for each in [*receipt["deliveries"], *receipt["earlier"]]}
    received = received_deliveries(config, root)
    packed = [each.place for each in received if each.packed_in]
    plain = [file for file in files if not any(place.startswith(file) for place in packed)]
    digests = source_digests(config, plain, str(root))
    notes = [
        f"{file} is not what {RECEIPT} is of"
        for file, digest in digests.items()
        if digest not in counted
    ]
    if not notes and any(each.sha256 not in counted for each in received):
        notes.append(f"{RECEIPT} is without a delivery that was received")
    return notes


def _signoffs(root: Path, config: dict[str, Any], configfile: Sequence[Path]) -> str:
    """The sign-offs in words."""
    allowed = bool(config["accept"]["allow_unaccepted"])
    policy = load_policy(root, config["signoffs"], allowed)
    files = read_covered(root, covered_folder(config["mode"]))
    return signoff_overview(check_gates(root, policy, digests(files)), configfile)
