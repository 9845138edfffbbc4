"""Status: the last run, what is out of date, who signed what, and what is in production."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from textwrap import fill
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
from pricewright.files.disk import file_sha256, read_whole, sha256
from pricewright.files.documents import as_written_by_a_run, read_json
from pricewright.files.errors import Refusal
from pricewright.files.provenance import code_digest
from pricewright.forecasting.document import open_model
from pricewright.forecasting.model_file import named_model, unreadable
from pricewright.monitoring.record_days import missing_files
from pricewright.monitoring.summary import describe_watch
from pricewright.notices.facts import late
from pricewright.releases.history import describe_switches
from pricewright.signoffs import ledger
from pricewright.signoffs.candidate import read_signed
from pricewright.signoffs.gates import check_gates
from pricewright.signoffs.ledger import LEDGER
from pricewright.signoffs.policy import load_policy
from pricewright.signoffs.presentation import signoff_overview, with_config
from pricewright.signoffs.received import changed_archives
from pricewright.signoffs.signed_files import (
    CLEANING,
    DEPLOYED,
    IN_PRODUCTION,
    MODEL,
    RECEIPT,
    REPORT,
    digests,
)
from pricewright.steplog.last_run import Attempt, describe_run, last_run
from pricewright.steplog.log import in_words

_DATA = re.compile(rb'"data": \{[^}]*"sha256": "([0-9a-f]{64})"')
"""The digest of a model's data."""
_CODE = re.compile(rb'"code": \{\s*"sha256": "([0-9a-f]{64})"')
"""The digest of the code that made a model."""
_TRAINING = WORKFLOW / "workflow/scripts/train_or_score.py"


def outdated(root: Path, inputs: Sequence[Path], began: datetime) -> list[str]:
    """Results that are missing, do not fit together, or are older than their inputs: a line each.

    inputs: the files that the first step reads, and the config.  began: when the last run began.
    Only `snakemake -n` knows what a change of code or options means.
    """
    newer = [
        f"{path} was written after the last run began"
        for path in inputs
        if (root / path).exists() and _written(root / path) > began
    ]
    return [*newer, *_or_why_not(_links(root))]


def _or_why_not(lines: Iterator[str]) -> Iterator[str]:
    """The lines; if a file that they come from is missing or damaged, that is the last line."""
    try:
        with as_written_by_a_run("results/: a file"):
            yield from lines
    except Refusal as refusal:
        yield str(refusal)


def _links(root: Path) -> Iterator[str]:
    """Results that do not come from the previous step's result, by the digests in both."""
    raw, clean = (read_json(root / name) for name in (RECEIPT, CLEANING))
    if raw["records"]["sha256"] != clean["input"]["sha256"]:
        yield f"{CLEANING} was made from other prices than {RECEIPT} describes"
    content = read_whole(root / MODEL)
    data, model = _DATA.search(content), sha256(content)
    if data is None or data[1].decode() != clean["records"]["sha256"]:
        yield f"{MODEL} was made from other prices than {CLEANING} describes"
    if _is_of_other_code(content):
        yield f"{MODEL} was made by other code: the workflow has changed since"
    page = read_whole(root / REPORT).decode(errors="replace")
    if named_model(page, REPORT)[1] != model:
        yield f"{REPORT} is about a different model from {MODEL}"
    if not (root / DEPLOYED).exists():
        yield f"{DEPLOYED} is missing"
    elif file_sha256(root / DEPLOYED) != model:
        yield f"{DEPLOYED} is a different model from {MODEL}"


def _is_of_other_code(model: bytes) -> bool:
    """Whether a model was made by other code than is here, as far as its file says."""
    code = _CODE.search(model)
    return code is not None and code[1].decode() != code_digest(_TRAINING)


def _unreadable_release(root: Path) -> Iterator[str]:
    """A line if this version of the workflow cannot read the model in production."""
    model = root / IN_PRODUCTION
    if not model.exists() or not _is_of_other_code(read_whole(model)):
        return
    try:
        open_model(model)
    except Refusal as refusal:
        yield (
            f"the model in production: {unreadable(refusal)}, so `predict` refuses it; release "
            "a model that this version made, or go back to the version that made this one."
        )


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
    received = root / config["source"]["received"]
    parts["Received data"] = _told(
        lambda: changed_archives(root, received, ledger.read(root / LEDGER))
    )
    parts["Sign-offs"] = _told(lambda: [_signoffs(root, config, configfile)], indent="")
    releases = [
        _told(lambda: [*_unreadable_release(root)]),
        _told(lambda: [describe_switches(root)], indent=""),
    ]
    parts["Releases"] = "\n".join(filter(None, releases))
    watch = (
        lambda: describe_watch(root),
        lambda: missing_files(root),
        lambda: _late(root, config),
    )
    parts["Watch"] = "\n".join(filter(None, map(_told, watch)))
    whole = "\n\n".join(f"{heading}\n{text}" for heading, text in parts.items() if text)
    width = shutil.get_terminal_size((sys.maxsize, 0)).columns  # no limit in a pipe
    print("\n".join(_wrapped(line, width) for line in whole.splitlines()))


_COMMAND = re.compile(r"`[^`]+`|(pricewright|snakemake) .+")


def _wrapped(line: str, width: int) -> str:
    """A line broken to a width, but not within a command, which people copy."""
    if len(line) <= width:
        return line
    whole = _COMMAND.sub(lambda command: command[0].replace(" ", "\0"), line)
    deeper = " " * (len(line) - len(line.lstrip()) + 4)
    return fill(
        whole, width, subsequent_indent=deeper, break_long_words=False, break_on_hyphens=False
    ).replace("\0", " ")


def _told(part: Callable[[], Sequence[str]], indent: str = "  ") -> str:
    """The lines of a part; if it fails, its error is its line and the other parts still show."""
    try:
        with as_written_by_a_run("a file"):
            return "\n".join(f"{indent}{line}" for line in part() if line)
    except (Refusal, OSError) as error:
        return f"  {in_words(error)}"


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
    inputs = [Path(config_file(WORKFLOW)), *configfile]
    notes = [*_or_why_not(_not_taken_in(root, config)), *outdated(root, inputs, began)]
    if not notes:
        return []
    update, again = (
        with_config(command, configfile)
        for command in ("snakemake --cores 1", "snakemake --cores 1 --forcerun ingest")
    )
    remedy = f"`{update}` updates it; if that finds nothing to do, run `{again}`."
    return [*dict.fromkeys(notes), remedy]


def _not_taken_in(root: Path, config: dict[str, Any]) -> Iterator[str]:
    """Files of the source, or a received delivery, that the last results lack, a line each.

    This happens after a backup was restored, for example. With a declared last day nothing is
    checked, because files after it have to wait; files in a known archive are not checked.
    """
    files = source_files(config, WORKFLOW)
    if config["source"]["last_day"]:
        return
    receipt = read_json(root / RECEIPT)
    taken = [*receipt["deliveries"], *receipt["earlier"]]
    counted, places = ({each[key] for each in taken} for key in ("sha256", "place"))
    received = received_deliveries(config, root)
    packed = [each.place for each in received if each.packed_in]
    plain = [file for file in files if not any(place.startswith(file) for place in packed)]
    digests = source_digests(config, plain, str(root))
    unlisted = [file for file, digest in digests.items() if digest not in counted]
    for file in unlisted:
        if file in places:
            yield f"{file} has changed since the run that wrote {RECEIPT}"
        else:
            yield f"{file} is not among the files that {RECEIPT} lists"
    if not unlisted and any(each.sha256 not in counted for each in received):
        yield f"{RECEIPT} lacks a delivery that was received"


def _signoffs(root: Path, config: dict[str, Any], configfile: Sequence[Path]) -> str:
    """The overview of the sign-offs."""
    allowed = bool(config["accept"]["allow_unaccepted"])
    policy = load_policy(root, config["signoffs"], allowed)
    files = read_signed(root, config["mode"])
    return signoff_overview(check_gates(root, policy, digests(files)), configfile)
