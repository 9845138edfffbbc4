"""What a job is told besides its options, and where a module's prefix has put the project.

These are params, because params survive when somebody overrides a rule's resources. They are
functions of a job's `output`, because Snakemake does not compare the values of such functions:
another value makes nothing run again.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from running.comforts import comfort
from running.startup import current_run

from pricewright.configuration.config import source_version
from pricewright.files.errors import Refusal
from pricewright.files.orphans import here
from pricewright.releases.link import read_link
from pricewright.signoffs import ledger

Param = Callable[[Any, Any], dict[str, Any]]
"""A function of a job's wildcards and output."""


def retrying(workflow: Any, retries: Mapping[str, Any]) -> Param:
    """What a job needs to know its attempt, how long to wait after a failed attempt, how long to
    keep the logs of old ones, and which process it ends with.

    retries: config's section of that name. Locally, a job counts the logs that were written since
    the run began; inside a job on a cluster, Snakemake passes the number.
    """
    known = {"since": current_run.began, "run": {"process": os.getpid(), "where": here()}}
    known |= {key: retries[key] for key in ("delay", "keep_logs_days")}

    def retry(wildcards: Any, output: Any) -> dict[str, Any]:
        if getattr(workflow, "remote_exec", False):
            with comfort("a retried job on a cluster does not wait"):
                return known | {"attempt": workflow.attempt}  # unknown before a job is created
        return known

    return retry


def ledger_record(workflow: Any, config: Mapping[str, Any]) -> Param:
    """The project whose ledger records what a job made, and by whom; nothing if results are objects
    in a storage."""
    stored = is_stored(workflow)

    def record(wildcards: Any, output: Any) -> dict[str, Any]:
        if stored:
            return {}
        return {"project": _project(output[0]), "author": config["signoffs"]["author"]}

    return record


def training_record(workflow: Any, config: Mapping[str, Any], configfile: Sequence[str]) -> Param:
    """The same for a training.

    configfile: the config files of the run.
    """
    stored, told = is_stored(workflow), ledger_record(workflow, config)
    if stored and config["mode"] == "auto":
        raise WorkflowError(
            "config key 'mode': found 'auto', allowed: train or score, because the results are in "
            "a storage, which has neither the current model nor the ledger."
        )

    def record(wildcards: Any, output: Any) -> dict[str, Any]:
        if stored:
            return {}
        return told(wildcards, output) | {
            "configfile": list(configfile),
            "keep_models": config["history"]["keep_models"],
        }

    return record


def is_stored(workflow: Any) -> bool:
    """Whether results are objects in a storage, not local files."""
    with comfort("the ledger records runs even if the results are in a storage"):
        return bool(workflow.storage_settings.default_storage_provider)
    return False


_MEANT_OTHERWISE = re.compile(r"[{}]|<\w+>")
"""Parts of a name that Snakemake takes for a wildcard or variable; they cannot be escaped."""


def parted_by_name(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files that can be inputs, because Snakemake takes their names literally, and the rest."""
    others = [file for file in files if _MEANT_OTHERWISE.search(file)]
    return [file for file in files if file not in others], others


def project_folder(rules: Any) -> str:
    """The folder that contains `results/`, by a rule's output: ".", or a module's prefix."""
    output = _output(rules, "ingest") or _output(rules, "deploy")
    return _project(output) if output else "."


def source_now(config: dict[str, Any], rules: Any, files: Sequence[str]) -> Callable[[Any], str]:
    """A version of the source's content, determined once in a run: Snakemake asks several times,
    and a database, or a server that gives no versions, sends everything each time.

    files: the source's files, if it has any.
    """

    @cache
    def version() -> str:
        return source_version(config, project_folder(rules), files)

    return lambda wildcards: version()


def release_in_production(project: str) -> str | None:
    """The digest of the release in production, None if there is none or the link is invalid."""
    try:
        return read_link(Path(project, "production"))
    except Refusal:
        return None


def watched(rules: Any, mode: str) -> list[str]:
    """The outputs of `monitor`, if something is in production that it can watch; in mode auto in
    any case, because training depends on them."""
    output = _output(rules, "monitor")
    if output and (mode == "auto" or _is_released(project_folder(rules))):
        return list(rules.monitor.output)
    return []


def _is_released(project: str) -> bool:
    """Whether something is in production, by the link or, if that was lost, by the ledger."""
    if release_in_production(project):
        return True
    try:
        return ledger.in_production(ledger.read(Path(project, ledger.LEDGER))) is not None
    except (Refusal, OSError):
        return False


def deployed_model(rules: Any) -> str | None:
    """The path at which `deploy` puts the model; None in a module used without that rule."""
    return _output(rules, "deploy")


def all_results(rules: Any, mode: str) -> list[str]:
    """The targets of a run: its final results, and lost results of earlier steps."""
    ends = [*rules.deploy.output, *rules.report.output, *watched(rules, mode)]
    return ends + _lost_results(rules)


def _lost_results(rules: Any) -> list[str]:
    """Missing results of earlier steps, while the deployed model exists.

    Snakemake deletes the results of a failed step. It would find nothing to do the next time,
    because it only makes what is a target, and these are none.
    """
    with comfort("after a failed step, the same command may find nothing to do"):
        if Path(rules.deploy.output[0]).exists():
            steps = (rules.ingest, rules.clean, rules.train_or_score)
            results = [str(path) for step in steps for path in step.output]
            return [path for path in results if not Path(path).exists()]
    return []


def _project(output: str) -> str:
    """The folder that contains the `results/` of an output, at any depth."""
    results = next((path for path in Path(output).parents if path.name == "results"), None)
    return str((results or Path(output).parent).parent)


def _output(rules: Any, name: str) -> str | None:
    """The first output of a rule, with a module's prefix; None if the rule is not used."""
    try:
        return str(getattr(rules, name).output[0])
    except (AttributeError, WorkflowError):
        return None
