"""What a job is told beside its options, and where a module's prefix has put the project.

As params, for these stay where somebody overrides a rule's resources. Of a function that asks for
a job's `output`, Snakemake does not compare what it returns: another value makes nothing run again.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from running.comforts import comfort
from running.startup import run_began

from pricewright.files.errors import Refusal
from pricewright.releases.link import read_link
from pricewright.signoffs import ledger
from pricewright.signoffs.ledger import in_production

Param = Callable[[Any, Any], dict[str, Any]]
"""Of a job's wildcards and output."""


def retrying(workflow: Any, retries: Mapping[str, Any]) -> Param:
    """What a job needs to know which attempt it is, how long it waits after a failed one, and for
    how long the logs of old ones are kept.

    retries: that section of config. The Snakemake that tries it again has had its logs written
    since it began; inside a job of a cluster, it has said the number.
    """
    known = {"since": run_began()} | {key: retries[key] for key in ("delay", "keep_logs_days")}

    def retry(wildcards: Any, output: Any) -> dict[str, Any]:
        if getattr(workflow, "remote_exec", False):
            with comfort("a job on a cluster that is tried again does not wait"):
                return known | {"attempt": workflow.attempt}  # not known before a job is made
        return known

    return retry


def training_record(workflow: Any, config: Mapping[str, Any], configfile: Sequence[str]) -> Param:
    """What the ledger is told of a training, and in which project; of objects in a storage nothing.

    configfile: the config files of the run.
    """
    stored = False
    with comfort("the ledger is told of a training also where results are objects of a storage"):
        stored = bool(workflow.storage_settings.default_storage_provider)
    if stored and config["mode"] == "auto":
        raise WorkflowError(
            "config key 'mode': found 'auto', allowed: train or score, for the results are in a "
            "storage, where neither the model in place nor the ledger is."
        )

    def record(wildcards: Any, output: Any) -> dict[str, Any]:
        if stored:
            return {}
        return {
            "project": _project(output[0]),
            "author": config["signoffs"]["author"],
            "configfile": list(configfile),
            "keep_models": config["history"]["keep_models"],
        }

    return record


_MEANT_OTHERWISE = re.compile(r"[{}]|<\w+>")
"""What Snakemake takes for a wildcard or a variable in a name; there is no way to escape it."""


def parted_by_name(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """The files that may be inputs, for Snakemake takes their names as they are; and the others."""
    others = [file for file in files if _MEANT_OTHERWISE.search(file)]
    return [file for file in files if file not in others], others


def project_folder(rules: Any) -> str:
    """The folder in which `results/` is, by a rule's output: here, but for a module's prefix."""
    output = _output(rules, "ingest") or _output(rules, "deploy")
    return _project(output) if output else "."


def release_in_production(project: str) -> str | None:
    """The digest of the release in production, None if there is none, or none that one can tell."""
    try:
        return read_link(Path(project, "production"))
    except Refusal:
        return None


def watched(rules: Any, mode: str) -> list[str]:
    """What `monitor` makes, if something is in production that it can watch, and in mode auto, in
    which training goes by it, before that as well."""
    output = _output(rules, "monitor")
    if output and (mode == "auto" or _is_released(project_folder(rules))):
        return list(rules.monitor.output)
    return []


def _is_released(project: str) -> bool:
    """Whether something is in production, by the link or, where that was lost, by the ledger."""
    if release_in_production(project):
        return True
    try:
        return in_production(ledger.read(Path(project, ledger.LEDGER))) is not None
    except (Refusal, OSError):
        return False


def deployed_model(rules: Any) -> str | None:
    """Where `deploy` puts the model; None in a module that is used without it."""
    return _output(rules, "deploy")


def all_results(rules: Any, mode: str) -> list[str]:
    """What a run is to make: the ends of its steps, and what was lost of those before."""
    ends = [*rules.deploy.output, *rules.report.output, *watched(rules, mode)]
    return ends + _lost_results(rules)


def _lost_results(rules: Any) -> list[str]:
    """What is missing of earlier steps' results while the model that was deployed is there.

    Snakemake deletes the results of a step that fails, and would find nothing to do the next time:
    it makes anew what somebody asks for, and nobody asks for these.
    """
    with comfort("after a step that failed, the same command may find nothing to do"):
        if Path(rules.deploy.output[0]).exists():
            steps = (rules.ingest, rules.clean, rules.train_or_score)
            results = [str(path) for step in steps for path in step.output]
            return [path for path in results if not Path(path).exists()]
    return []


def _project(output: str) -> str:
    """The folder in which the `results/` is that an output is in, at any depth."""
    results = next((path for path in Path(output).parents if path.name == "results"), None)
    return str((results or Path(output).parent).parent)


def _output(rules: Any, name: str) -> str | None:
    """The first output of a rule, as a module's prefix has it, if the rule is used."""
    try:
        return str(getattr(rules, name).output[0])
    except (AttributeError, WorkflowError):
        return None
