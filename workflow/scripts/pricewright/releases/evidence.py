"""The evidence of a release, as a Workflow Run RO-Crate: what an auditor needs, in files alone.

The release's folder becomes the crate once its two archives are unpacked in it: `code.zip` with the
workflow, and `evidence.zip` with the crate's metadata, the config, the software's versions and the
ledger up to then. Nothing is stored twice, and code that did not change is the same file.
Follows RO-Crate 1.1 and the profiles Process Run Crate, Workflow Run Crate (both 0.5) and Workflow
RO-Crate 1.0. The library `rocrate` makes the metadata. The archives are packed here, because they
must be the same bytes each time.
"""

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from io import BytesIO
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any

import orjson

from pricewright.files.disk import read_regular, read_whole, sha256
from pricewright.files.provenance import installed_version
from pricewright.files.secrets import redact
from pricewright.signoffs.gates import Decision

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

METADATA = "ro-crate-metadata.json"
WORKFLOW = "workflow/Snakefile"

_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
_SHA256 = "https://w3id.org/ro/terms/workflow-run#sha256"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_KINDS = {"json": "application/json", "jsonl": "application/jsonl", "html": "text/html"}


def pack(files: Mapping[str, bytes]) -> bytes:
    """A deterministic zip file of these files, given by path."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)  # no clock
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, 0o100444 << 16  # as on Unix, read-only
            archive.writestr(entry, content)
    return buffer.getvalue()


def _describe_crate(
    files: Mapping[str, bytes],
    released: Iterable[str],
    *,
    decision: Decision,
    model: Mapping[str, Any],
    title: str,
) -> bytes:
    """The metadata of a crate with these files, given by path.

    `files` holds the workflow at WORKFLOW.  released: the paths of those outside the archives.
    decision, model: as `release_evidence` takes them.  title: the report's.
    """
    from rocrate.rocrate import ROCrate  # takes an eighth of a second, with requests

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms["sha256"] = _SHA256
    crate.root_dataset["datePublished"] = max(
        signoff.said.made for signoff in decision.counted if signoff.said
    )
    crate.name = f"{title}: a release of the model of {model['cutoff']}"
    crate.description = (
        "What a release of a price model was made from and who signed for it: digests of inputs, "
        "config, code, software, model, report, sign-offs, and the ledger up to then."
    )
    crate.license = _entity(
        crate,
        "#terms",
        "CreativeWork",
        name="For audit only",
        description="No licence is given for the data or the model.",
    )
    parts = {}
    for name, content in sorted(files.items()):
        properties = {
            "name": name,
            "contentSize": str(len(content)),
            "encodingFormat": _KINDS.get(name.rpartition(".")[2], "text/plain"),
            "sha256": sha256(content),
        }
        if name == WORKFLOW:
            parts[name] = crate.add_workflow(
                dest_path=name, main=True, lang="snakemake", properties=properties
            )
        else:
            parts[name] = crate.add_file(dest_path=name, properties=properties)
    _add_software(crate, model["code"])
    _add_run(crate, parts, released, decision, model)
    for signoff in decision.rests_on:
        if signoff.said:
            part = parts[signoff.name]
            part["name"] = f"Sign-off of gate {signoff.gate} by {signoff.who}"
            part["author"] = _person(crate, signoff.who)
            part["about"] = [parts[Path(name).name] for name in signoff.said.subject]
    profiles = [
        _entity(crate, uri, "CreativeWork", name=name, version=uri.rpartition("/")[2])
        for uri, name in _PROFILES.items()
    ]
    crate.root_dataset["conformsTo"] = profiles
    return orjson.dumps(crate.metadata.generate(), option=orjson.OPT_INDENT_2)


def _add_software(crate: "ROCrate", code: Mapping[str, Any]) -> None:
    """Add the workflow's code and the software that it needs; code: the model's record of both."""
    workflow = crate.mainEntity
    workflow["name"], workflow["version"] = "Pricewright", code["sha256"]
    workflow["identifier"] = _entity(
        crate,
        "#code",
        "PropertyValue",
        name="SHA-256 of the code that made the model, ignoring comments and layout",
        value=code["sha256"],
    )
    software = code["libraries"] | {"snakemake": installed_version("snakemake")}
    workflow["softwareRequirements"] = [
        _entity(
            crate,
            f"#software-{name}",
            "SoftwareApplication",
            name=name,
            softwareVersion=version,
        )
        for name, version in sorted(software.items())
    ]


def _add_run(
    crate: "ROCrate",
    parts: Mapping[str, Any],
    released: Iterable[str],
    decision: Decision,
    model: Mapping[str, Any],
) -> None:
    """Add the run, from deliveries and config to results."""
    run = decision.author
    given = [parts[name] for name in (CONFIG, *sorted({CORRECTIONS, SCORED} & parts.keys()))]
    for number, each in enumerate(model["receipts"].get("ingest", {}).get("deliveries", []), 1):
        given.append(
            _entity(
                crate,
                f"#delivery-{number}",
                "PropertyValue",
                name=each["place"],
                propertyID=_SHA256,
                value=each["sha256"],
            )
        )
    properties: dict[str, Any] = {
        "name": "From raw prices to a reported model",
        "description": "The five steps, from the delivered prices to the files that people signed.",
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    if run:
        properties["endTime"] = run.time.replace("Z", "+00:00")
    action = crate.add_action(
        crate.mainEntity,
        "#run",
        object=given,
        result=[parts[name] for name in sorted(released) if "/" not in name],
        properties=properties,
    )
    if who := decision.trained_by:
        action["agent"] = _person(crate, who[0])
    crate.root_dataset["mentions"] = action


def _person(crate: "ROCrate", name: str) -> Any:
    return crate.get(f"#person-{name}") or _entity(crate, f"#person-{name}", "Person", name=name)


def _entity(crate: "ROCrate", identifier: str, kind: str, **properties: object) -> Any:
    from rocrate.model import ContextEntity

    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind} | properties))


NAME, CODE = "evidence.zip", "code.zip"
CONFIG, SOFTWARE, EXTRACT = "config.json", "software.json", "ledger.jsonl"
CORRECTIONS, SCORED = "inputs/corrections.yaml", "inputs/scored_model.json"

_LAYOUT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True)
class Origin:
    """Where a model comes from, besides its raw prices.

    config: the complete config.  workflow: the folder of the Snakefile.  code: the digest of the
    code that makes models.
    """

    config: Mapping[str, Any]
    workflow: Path
    code: str


def read_inputs(root: Path, config: Mapping[str, Any]) -> dict[str, bytes]:
    """A run's inputs besides raw prices and config, by their paths in the release.

    Raises Refusal if a file that config names is missing.
    """
    named = {CORRECTIONS: config["corrections"]["file"]}
    if config["mode"] == "score":
        named[SCORED] = config["score"]["model"]
    return {name: read_whole(root / path) for name, path in named.items() if path}


def release_evidence(
    files: Mapping[str, bytes],
    *,
    decision: Decision,
    model: Mapping[str, Any],
    origin: Origin,
    seen: Sequence[bytes],
) -> dict[str, bytes]:
    """The archives that turn a release into a crate; deterministic for a release and ledger.

    files: the other files of the release by path, including those of `read_inputs`.  decision: the
    decision that permits the release.  model: its document.  seen: the ledger's lines up to then.
    """
    code = _code(origin.workflow)
    own = {
        CONFIG: redact(orjson.dumps(origin.config, option=_LAYOUT).decode()).encode(),
        SOFTWARE: orjson.dumps(_installed(), option=_LAYOUT | orjson.OPT_SORT_KEYS),
        EXTRACT: b"".join(line + b"\n" for line in seen),
    }
    about = _describe_crate(
        {**files, **own, **code},
        files,
        decision=decision,
        model=model,
        title=origin.config["report"]["title"],
    )
    return {CODE: pack(code), NAME: pack(own | {METADATA: about})}


def _code(workflow: Path) -> dict[str, bytes]:
    """The files of the workflow, by path."""
    names = {"Snakefile", "files.txt", *read_regular(workflow / "files.txt").decode().split()}
    for pattern in ("rules/*.smk", "envs/*.yaml", "report/*.rst"):
        names |= {path.relative_to(workflow).as_posix() for path in workflow.glob(pattern)}
    return {f"workflow/{name}": read_regular(workflow / name) for name in sorted(names)}


@cache
def _installed() -> dict[str, str]:
    """The version of every installed distribution and of Python."""
    found = {each.name: each.version for each in metadata.distributions()}
    return {"python": python_version()} | found
