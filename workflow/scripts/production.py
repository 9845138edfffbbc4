"""Production: what people signed for is released, after everything is checked again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from running import step

from pricewright.configuration.config import read_config
from pricewright.files.provenance import code_digest
from pricewright.releases.evidence import Origin
from pricewright.releases.release import STAGED, Unsigned, release
from pricewright.steplog.log import logger, say


def production(
    input: Path = Path(STAGED),
    *,
    config: dict[str, Any] | None = None,
    configfile: Sequence[Path] = (),
) -> None:
    """Release the model in staging, with its report, receipts and sign-offs, if all is in order.

    The files in `results/` are read once; what people signed, who may, for how long, and what was
    released before is checked again; then these very bytes are released, and
    `production/current` points at them. The same bytes again change nothing.

    Parameters
    ----------
    input
        The model in staging.
    config
        The config of the run. Left out: config/config.yaml with
    configfile
        config files laid over it, as given to Snakemake; the commands that are printed name them.
    """
    say("start", input=input)
    whole = config if config is not None else read_config(configfile)
    code = code_digest(step.FOLDER / "train_or_score.py")
    try:
        digest = release(Path(), Origin(whole, step.FOLDER.parent, code))
    except Unsigned as unsigned:
        for line in unsigned.listing(configfile).splitlines():
            logger.error(f"  {line}")
        raise
    say("end", release=digest, model="production/current/model.json")


if __name__ == "__main__":
    step.run(production)
