"""What the evidence of a release holds beside the release: config, code, software, ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import Any

import orjson

from pricewright.credentials import redacted
from pricewright.decisions.covered import digests
from pricewright.decisions.gates import Decision
from pricewright.files import read_whole
from pricewright.production.crate import Facts, packed
from pricewright.regular import read_regular

NAME = "evidence.zip"
CONFIG, SOFTWARE, EXTRACT = "config.json", "software.json", "ledger.jsonl"
CORRECTIONS, SCORED = "inputs/corrections.yaml", "inputs/scored_model.json"

_LAYOUT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True)
class Origin:
    """Where a model comes from, beside its raw prices.

    config: complete.  workflow: the folder of the Snakefile.  code: the digest of the code that
    makes models.
    """

    config: Mapping[str, Any]
    workflow: Path
    code: str


def inputs(root: Path, config: Mapping[str, Any]) -> dict[str, bytes]:
    """What goes into a run beside raw prices and config, by its path in the evidence.

    Raises Refusal for a file that config names and that is not there.
    """
    named = {CORRECTIONS: config["corrections"]["file"]}
    if config["mode"] == "score":
        named[SCORED] = config["score"]["model"]
    return {name: read_whole(root / path) for name, path in named.items() if path}


def gathered(
    files: Mapping[str, bytes],
    given: Mapping[str, bytes],
    *,
    decision: Decision,
    model: Mapping[str, Any],
    origin: Origin,
    seen: Sequence[bytes],
) -> bytes:
    """The evidence of a release as an archive: the same bytes for the same release and ledger.

    files: what the release holds, by path.  given: what `inputs` read.  decision: on what grounds.
    model: its document.  seen: the ledger's lines until then.
    """
    held = {
        **files,
        **given,
        CONFIG: redacted(orjson.dumps(origin.config, option=_LAYOUT).decode()).encode(),
        SOFTWARE: orjson.dumps(_installed(), option=_LAYOUT | orjson.OPT_SORT_KEYS),
        EXTRACT: b"".join(line + b"\n" for line in seen),
        **_code(origin.workflow),
    }
    run = decision.author
    facts = Facts(
        name=f"{origin.config['report']['title']}: a release of the model of {model['cutoff']}",
        moment=max(signoff.said.made for signoff in decision.counted if signoff.said),
        deliveries=[
            (each["place"], each["sha256"])
            for each in model["receipts"].get("ingest", {}).get("deliveries", [])
        ],
        given=[CONFIG, *sorted(given)],
        results=sorted(name for name in files if "/" not in name),
        code=model["code"]["sha256"],
        software=model["code"]["libraries"] | {"snakemake": _version("snakemake")},
        signoffs=[
            (
                each.name,
                each.gate,
                each.who,
                [Path(name).name for name in each.said.subject],
            )
            for each in decision.counted
            if each.said
        ],
        author=run.who if run else None,
        ended=run.time.replace("Z", "+00:00") if run else None,
    )
    return packed(held, digests(held), facts)


def _code(workflow: Path) -> dict[str, bytes]:
    """The workflow's own files."""
    names = {"Snakefile", "files.txt", *read_regular(workflow / "files.txt").decode().split()}
    for pattern in ("rules/*.smk", "envs/*.yaml", "report/*.rst"):
        names |= {path.relative_to(workflow).as_posix() for path in workflow.glob(pattern)}
    return {f"workflow/{name}": read_regular(workflow / name) for name in sorted(names)}


@cache
def _installed() -> dict[str, str]:
    """Every distribution that is installed, and Python itself, by version."""
    found = {each.name: each.version for each in metadata.distributions()}
    return {"python": python_version()} | found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
