"""Production: release what people signed for, after checking everything again."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from running import step

from pricewright.configuration.config import read_config, source_files
from pricewright.files.errors import Refusal
from pricewright.files.provenance import code_digest
from pricewright.monitoring.record import record_switch
from pricewright.releases.evidence import Origin
from pricewright.releases.release import Unsigned, release
from pricewright.signoffs import ledger
from pricewright.signoffs.policy import last_config_files
from pricewright.signoffs.presentation import RELEASE, with_config
from pricewright.signoffs.signed_files import DEPLOYED, RECEIPT
from pricewright.steplog.log import LISTED, logger, say


def production(
    *,
    config: dict[str, Any] | None = None,
    configfile: Sequence[Path] = (),
    project: Path = Path(),
) -> None:
    """Release the model in staging, with its report, receipts and sign-offs, if all is in order.

    Reads the files in `results/` once and checks again what people signed, who may sign, for how
    long, and what was released before. Then exactly these bytes are released, and
    `production/current` points at them. The same bytes again change nothing; no step runs.

    Parameters
    ----------
    config
        The config of the run; if not given, config/config.yaml with `configfile` laid over it.
    configfile
        Config files laid over config/config.yaml, as given to Snakemake; the printed commands
        include them.
    project
        The folder with `results/`, `config/signers` and the sign-offs.
    """
    say("start", input=Path(project, DEPLOYED))
    if Path(project) != Path():
        logger.warning("the messages below are about %s/; run the commands there", project)
    last = last_config_files(ledger.read(Path(project, ledger.LEDGER)))
    if last and not configfile:
        raise Refusal(
            "production is unchanged: the last run had config files, but this one has none; give "
            f"them again: {with_config(RELEASE, last)}"
        )
    whole = config if config is not None else read_config(configfile)
    for note in _newer(whole, Path(project)) if whole["mode"] != "auto" else ():
        logger.warning(note)
    code = code_digest(step.FOLDER / "train_or_score.py")
    try:
        digest = release(Path(project), Origin(whole, step.FOLDER.parent, code))
    except Unsigned as unsigned:
        for line in unsigned.listing(configfile).splitlines():
            logger.error(LISTED + line)
        raise
    record_switch(Path(project), whole)
    say("end", release=digest, model=Path(project, "production/current/model.json"))


def _newer(config: dict[str, Any], project: Path) -> Iterator[str]:
    """Files of the source that are newer than the results, and so not in the release."""
    with suppress(Refusal, OSError):  # a release does not need the source
        made = (project / RECEIPT).stat().st_mtime
        for file in source_files(config, step.FOLDER.parents[1]):
            if Path(file).stat().st_mtime > made:
                yield f"{file} is newer than the results, so the release does not include it"


if __name__ == "__main__":
    step.run(production)
