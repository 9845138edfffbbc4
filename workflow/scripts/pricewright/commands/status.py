"""Status: the last run, what is out of date, who signed what, and what is in production."""

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
from pricewright.monitoring.record_days import missing_files
from pricewright.monitoring.summary import describe_watch
from pricewright.notices.facts import late
from pricewright.releases.history import describe_switches
from pricewright.signoffs.gates import check_gates
from pricewright.signoffs.policy import load_policy
from pricewright.signoffs.presentation import signoff_overview, with_config
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
"""The digest of a model's data, in the first lines of its file, which may be large."""


def outdated(root: Path, inputs: Sequence[Path], began: datetime | None) -> list[str]:
    """Results that are missing, do not fit together, or are older than their inputs: a line each.

    inputs: the files that the first step reads, and the config.  began: when the last run began, if
    there was one. Only `snakemake -n` knows what a change of code or options means.
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
    """Results that do not come from the previous step's result, by the digests in both."""
    raw, clean = (_receipt(root, name) for name in (RECEIPT, CLEANING))
    if raw["records"]["sha256"] != clean["input"]["sha256"]:
        yield f"{CLEANING} was made from other prices than {RECEIPT} describes"
    data = _DATA.search(read_begin(root / MODEL, _HEAD))
    if data is None or data[1].decode() != clean["records"]["sha256"]:
        yield f"{MODEL} was made from other prices than {CLEANING} describes"
    model = file_sha256(root / MODEL)
    page = read_whole(root / REPORT).decode(errors="replace")
    if named_model(page, REPORT)[1] != model:
        yield f"{REPORT} is about a different model from {MODEL}"
    if not (root / DEPLOYED).exists():
        yield f"{DEPLOYED} is missing"
    elif file_sha256(root / DEPLOYED) != model:
        yield f"{DEPLOYED} is a different model from {MODEL}"


def _receipt(root: Path, name: str) -> dict[str, Any]:
    receipt: dict[str, Any] = parse_json(read_whole(root / name), name)
    return receipt


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def status(*, configfile: ConfigFiles = ()) -> None:
    """Show how the last run went, who signed what, and what is in production.

    Also shows what in `results/` is out of date, as far as the files tell, and the watch. It checks
    the release in production; `pricewright verify` checks everything that is kept.

    ```
    pricewright status
    ```
    """
    root = Path()
    parts: dict[str, str] = {}
    try:
        config, configfile = config_of_run(root, configfile)
    except Refusal as refusal:  # the ledger may be damaged; show the rest anyway
        config = read_config(configfile)
        parts["Config"] = f"  {refusal}"
    run = last_run(root)
    parts["Last run"] = describe_run(run)
    parts["Out of date"] = _told(lambda: _outdated_results(root, config, configfile, run))
    parts["Sign-offs"] = _told(lambda: [_signoffs(root, config, configfile)], indent="")
    parts["Releases"] = _told(lambda: [describe_switches(root)], indent="")
    watch = (
        lambda: describe_watch(root),
        lambda: missing_files(root),
        lambda: _late(root, config),
    )
    parts["Watch"] = "\n".join(filter(None, map(_told, watch)))
    print("\n\n".join(f"{heading}\n{text}" for heading, text in parts.items() if text))


def _told(part: Callable[[], Sequence[str]], indent: str = "  ") -> str:
    """The lines of a part; if it fails, its error is its line and the other parts still show."""
    try:
        with as_written_by_a_run("a file"):
            return "\n".join(f"{indent}{line}" for line in part() if line)
    except (Refusal, OSError) as error:
        return f"  {error}"


def _late(root: Path, config: dict[str, Any]) -> list[str]:
    """A line saying that the data are late, if they are."""
    notice = late(root, config)
    return [notice.text] if notice else []


def _outdated_results(
    root: Path,
    config: dict[str, Any],
    configfile: Sequence[Path],
    run: Mapping[str, Sequence[Attempt]],
) -> list[str]:
    """Results that are out of date, and what to do; nothing while a step is running."""
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
    if not found and not notes:
        return []
    update, again = (
        with_config(command, configfile)
        for command in ("snakemake --cores 1", "snakemake --cores 1 --forcerun ingest")
    )
    remedy = f"`{update}` updates it; if that finds nothing to do, run `{again}`."
    return [*dict.fromkeys([*found, *notes]), remedy]


def _not_taken_in(root: Path, config: Mapping[str, Any], files: Sequence[str]) -> list[str]:
    """Files of the source, or a received delivery, that the last results lack, a line each.

    This happens after a backup was restored, for example. With a declared last day nothing is
    checked, because files after it have to wait; files in a known archive are not checked.
    """
    if config["source"]["last_day"]:
        return []
    receipt = _receipt(root, RECEIPT)
    counted = {each["sha256"] for each in [*receipt["deliveries"], *receipt["earlier"]]}
    received = received_deliveries(config, root)
    packed = [each.place for each in received if each.packed_in]
    plain = [file for file in files if not any(place.startswith(file) for place in packed)]
    digests = source_digests(config, plain, str(root))
    notes = [
        f"{file} is not among the files that {RECEIPT} lists"
        for file, digest in digests.items()
        if digest not in counted
    ]
    if not notes and any(each.sha256 not in counted for each in received):
        notes.append(f"{RECEIPT} lacks a delivery that was received")
    return notes


def _signoffs(root: Path, config: dict[str, Any], configfile: Sequence[Path]) -> str:
    """The overview of the sign-offs."""
    allowed = bool(config["accept"]["allow_unaccepted"])
    policy = load_policy(root, config["signoffs"], allowed)
    files = read_covered(root, covered_folder(config["mode"]))
    return signoff_overview(check_gates(root, policy, digests(files)), configfile)
