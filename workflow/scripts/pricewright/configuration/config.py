"""The config: read, merged, completed and checked before anything runs."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from pricewright.cleaning.options import FlagThresholds, MissingRules
from pricewright.evaluation.acceptance import Criteria
from pricewright.files.disk import file_sha256, read_whole, sha256
from pricewright.files.documents import parse_strict
from pricewright.files.errors import Refusal
from pricewright.files.yaml_files import parse_yaml
from pricewright.forecasting.settings import Settings, TrainWhen, WatchLimits
from pricewright.intake.archive import Archive, Delivery, Reception
from pricewright.intake.reading.dialect import UNDECIDED, Column, Dialect, Limits
from pricewright.intake.sources.items import LocalFile, items, local_files, without
from pricewright.intake.sources.source import Access, Source, scheme
from pricewright.notices.options import Notify
from pricewright.scheduling.sessions import Schedule
from pricewright.signoffs.ledger import REVOKED, SIGNERS
from pricewright.signoffs.signed_files import CANDIDATE, DEPLOYED, MEANINGS
from pricewright.tables.fields import VALUES
from pricewright.tables.options import make
from pricewright.tables.schema import check, fill_defaults, load, take_types


def complete(config: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of missing keys, then check every key and combination.

    Changes the config in place and returns it.

    Raises Refusal with one sentence: the key, what was found, what is allowed.
    """
    _session_as_text(config.get("source"))
    _refuse_undecided(config.get("source"), "source")
    take_types(config, load("config"))
    _as_text(config)
    check(config, "config", "config key")
    fill_defaults(config, load("config"))
    for group in (Access, Reception, Dialect, Limits, MissingRules, FlagThresholds):
        make(group, ingest_options(config) | clean_options(config))
    source = source_of(config)
    config["report"]["title"] = config["report"]["title"] or source.title
    for kind in (Settings, Criteria, TrainWhen):
        make(kind, training_options(config))
    make(WatchLimits, config["watch"])
    make(Notify, config["notify"])
    make(Schedule, config["schedule"])
    _check_columns(config)
    _check_score(config)
    _check_signers()
    return config


def config_file(workflow_folder: Path) -> str:
    """The config file that a run begins with: the working directory's, else the shipped one."""
    own = Path("config/config.yaml")
    return str(own if own.exists() else workflow_folder / own)


def source_files(config: dict[str, Any], workflow_folder: Path) -> list[str]:
    """The files that the source has now; ingest runs again when one of them changes.

    A missing path is also looked for in the workflow's folder, so that the bundled sample is found
    from any working directory. Raises Refusal if a file is missing.
    """
    uri = config["source"]["uri"]
    if scheme(uri) != "file":
        return []
    files = without(local_files(uri, workflow_folder), config["source"].get("leave_out", ()), uri)
    return [str(file.path) for file in files]


def source_version(config: dict[str, Any], project: str, files: Sequence[str]) -> str:
    """A version of the source's content, determined at each run, which changes with the content.

    project: the folder with `results/` and the received data.  files: the source's files, if it has
    any; their content counts, not their times.
    """
    source = source_of(config)
    if scheme(config["source"]["uri"]) == "file":
        digests = source_digests(config, files, project)
        return sha256("".join(f"{digests[file]}  {file}\n" for file in files).encode())
    archive = Archive(Path(project, config["source"]["received"]), source.name)
    found = without(items(source), source.leave_out, source.name)
    last = {delivery.place: delivery for delivery in archive.known()}
    return "; ".join(archive.version(item, last.get(item.place)) for item in found)


def source_digests(config: Mapping[str, Any], files: Sequence[str], project: str) -> dict[str, str]:
    """The SHA-256 of each of the source's files. A file is not read if the system says that it was
    not written to since it was received."""
    last: dict[str, Delivery] = {}
    with suppress(Refusal):  # ingest reports a damaged archive
        last = {each.place: each for each in received_deliveries(config, Path(project))}
    found = {}
    for file in files:
        before = last.get(file)
        with LocalFile(file, Path(file)).open(before.version if before else "") as answer:
            if before and answer.version == before.version:
                found[file] = before.sha256
            else:
                found[file] = _sha256(file, answer.version)
    return found


def received_deliveries(config: Mapping[str, Any], project: Path) -> list[Delivery]:
    """Every delivery of the source that was accepted so far, in order; raises Refusal if the record
    of their order is missing or damaged."""
    folder = project / config["source"]["received"]
    return Archive(folder, source_of(config).name).known()


@cache
def _sha256(file: str, version: str) -> str:
    """The SHA-256 of a file, cached per version: Snakemake asks several times in a run."""
    return file_sha256(Path(file))


def source_of(config: Mapping[str, Any]) -> Source:
    """The source that a config names, with the options of access."""
    return Source.of(config["source"]["uri"], make(Access, config["source"]))


def ingest_options(config: dict[str, Any], project: str = ".") -> dict[str, Any]:
    """The options of ingest: those of the source, strict by default about the modelled price.

    project: the folder with `results/` and the received data.
    """
    source, price = config["source"], config["model"]["price"]
    options = {key: value for key, value in source.items() if key != "uri"}
    strict = source["strict"] or ([] if price == "auto" else [price])
    options["received"] = str(Path(project, options["received"]))
    return {"input": source["uri"], **options, "columns": named_columns(config), "strict": strict}


def clean_options(config: dict[str, Any]) -> dict[str, Any]:
    """The options of clean."""
    return {
        "missing_price": config["missing"]["price"],
        "missing_volume": config["missing"]["volume"],
        "modelled": config["model"]["price"],
        **config["quality"],
    }


def training_options(
    config: dict[str, Any], deployed: str | None = None, project: str = "."
) -> dict[str, Any]:
    """The options of train_or_score.

    deployed: the path at which `deploy` puts its model, which is the champion unless config names
    another. In mode auto the champion is the project's candidate, the newest trained model.
    """
    options = {
        "mode": config["mode"],
        **config["model"],
        **config["evaluation"],
        **config["train"],
        **config["accept"],
    }
    del options["allow_unaccepted"]  # which is for `deploy`
    if config["mode"] == "auto" and options["champion"] == DEPLOYED:
        options["champion"] = str(Path(project, CANDIDATE, "model.json"))
    elif deployed and options["champion"] == DEPLOYED:
        options["champion"] = deployed
    return options


def monitor_options(config: dict[str, Any], project: str = ".") -> dict[str, Any]:
    """The options of monitor; project: the folder with `production/` and the ledger."""
    return {
        **config["watch"],
        "project": project,
        "author": config["signoffs"]["author"],
        "exchange": config["schedule"]["exchange"],
        "title": config["report"]["title"],
    }


def report_options(config: dict[str, Any]) -> dict[str, Any]:
    """The options of report."""
    return {
        **config["report"],
        "allow_unaccepted": config["accept"]["allow_unaccepted"],
        "required": {gate: config["signoffs"][gate]["required"] for gate in MEANINGS}
        | {"author": int(any(config["signoffs"][gate]["exclude_author"] for gate in MEANINGS))},
    }


def named_columns(config: dict[str, Any]) -> dict[str, Column]:
    """Config's columns: by our name the column's name or number, False if it is not read."""
    columns: dict[str, Column | None] = config["source"]["columns"]
    return {ours: theirs for ours, theirs in columns.items() if theirs is not None}


def _as_text(section: dict[Any, Any] | list[Any], key: str = "") -> None:
    """Turn YAML's dates (2024-01-31), and names that are dates or numbers, back into text.

    Raises Refusal for other names, such as NO, which YAML reads as false.
    """
    if isinstance(section, dict):
        for name in [name for name in section if not isinstance(name, str)]:
            if isinstance(name, bool) or not isinstance(name, date | int | float):
                raise Refusal(
                    f"config key {key!r}: found a name that YAML reads as {name!r}; put it in "
                    "quotes."
                )
            section[str(name)] = section.pop(name)
    for name, value in section.items() if isinstance(section, dict) else enumerate(section):
        if isinstance(value, date):
            section[name] = str(value)
        elif isinstance(value, dict | list):
            _as_text(value, f"{key}.{name}".lstrip("."))


def _session_as_text(source: Any) -> None:
    """Turn the base-60 integer that YAML makes of 17:00 back into text."""
    if isinstance(source, dict) and type(source.get("session")) is int:
        source["session"] = "{:02}:{:02}".format(*divmod(source["session"], 60))


def _refuse_undecided(section: Any, key: str) -> None:
    """Raise Refusal for a value that `describe` left open, because a person must choose it."""
    if section == UNDECIDED:
        raise Refusal(
            f"config key {key!r}: found '{UNDECIDED}', because two readings fit; replace it by one "
            "of the values in the comment next to it."
        )
    for name, value in section.items() if isinstance(section, dict) else ():
        _refuse_undecided(value, f"{key}.{name}")


def _check_columns(config: dict[str, Any]) -> None:
    source, columns = config["source"], named_columns(config)
    price = config["model"]["price"]
    if source["layout"] == "wide":
        for ours in ("symbol", *VALUES):
            if columns.get(ours):
                raise Refusal(
                    f"config key 'source.columns.{ours}': found {columns[ours]!r}, allowed: null, "
                    "because source.layout is wide: each symbol's own column holds its close."
                )
        if source["symbol"] is not None:
            raise Refusal(
                f"config key 'source.symbol': found {source['symbol']!r}, allowed: null, "
                "because source.layout is wide: the columns' names are the symbols."
            )
        available = {"close"}
    else:
        if source["symbol"] is not None and columns.get("symbol"):
            raise Refusal(
                f"config key 'source.symbol': found {source['symbol']!r} together with "
                f"source.columns.symbol {columns['symbol']!r}, allowed: only one of the two."
            )
        available = {value for value in VALUES if columns.get(value) is not False}
    if price not in {"auto", *available} or price == "volume":
        raise Refusal(
            f"config key 'model.price': found {price!r}, allowed: auto or "
            f"{' or '.join(sorted(available - {'volume'}))}, because the source has no others."
        )


def _check_score(config: dict[str, Any]) -> None:
    given = config["score"]["model"]
    if config["mode"] == "score" and given is None:
        raise Refusal(
            "config key 'score.model': found null, allowed: the path of a model, because mode is "
            "score."
        )
    if given is not None and Path(given).resolve().is_relative_to(Path("results").resolve()):
        raise Refusal(
            f"config key 'score.model': found {given!r}, which a run overwrites; "
            "copy the model out of results/ and name the copy."
        )


def _check_signers() -> None:
    """Refuse a list of signers that allows more, or of revoked keys that revokes less, than it
    seems to."""
    if any(map(os.path.lexists, (SIGNERS, REVOKED))):
        from pricewright.signoffs.signers import read_signers

        read_signers(Path())


WORKFLOW = Path(__file__).resolve().parents[4]
"""The folder with `workflow/` and `config/`."""


def read_config(files: Sequence[Path]) -> dict[str, Any]:
    """The config, complete and checked, as in a run with `--configfile` and these files.

    Raises Refusal as `complete` does, and for a file that is not YAML.
    """
    return complete(read_incomplete_config(files))


def read_incomplete_config(files: Sequence[Path]) -> dict[str, Any]:
    """The merged config files, unchecked; raises Refusal for a file that is not YAML."""
    config: dict[str, Any] = {}
    for path in [Path(config_file(WORKFLOW)), *files]:
        _lay_over(config, read_config_file(path))
    return config


def config_of_run(root: Path, files: Sequence[Path]) -> tuple[dict[str, Any], Sequence[Path]]:
    """The config for a command, and the files laid over it: those given, else those of the last run
    in the ledger.

    Raises Refusal as `read_config` does.
    """
    from pricewright.signoffs import ledger  # slow to import while a Snakefile loads
    from pricewright.signoffs.policy import last_config_files
    from pricewright.steplog.log import say

    found = list(files) or last_config_files(ledger.read(root / ledger.LEDGER))
    if found and not files:
        gone = [path for path in found if not path.exists()]
        if gone:
            raise Refusal(
                f"{gone[0]}: the last run used this config file, but it is missing; restore it, or "
                "name its new path with --configfile FILE."
            )
        say("config", as_in_the_last_run=", ".join(map(str, found)))
    return read_config(found), found


def read_config_file(path: Path) -> dict[str, Any]:
    """The content of a config file; raises Refusal if it is not YAML or JSON, or has no keys."""
    content = read_whole(path)
    try:
        document = parse_yaml(content, str(path))
    except Refusal as refusal:
        try:
            document = parse_strict(content, str(path))  # JSON allows tabs, YAML does not
        except Refusal:
            raise refusal from None
    if not isinstance(document, dict):
        raise Refusal(f"{path}: has no keys, but must be a config; see config/config.yaml.")
    return document


def _lay_over(config: dict[str, Any], other: dict[str, Any]) -> None:
    """Merge the other config into this one, section by section, as Snakemake does."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(config.get(key), dict):
            _lay_over(config[key], value)
        else:
            config[key] = value
