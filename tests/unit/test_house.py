"""The project's rules for itself: imports, contents of rules, config, versions and docs."""

import ast
import inspect
import itertools
import re
import sys
import tomllib
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, SCRIPTS, STEPS, command
from pricewright.cleaning.options import FlagThresholds, MissingRules
from pricewright.evaluation.acceptance import Criteria
from pricewright.forecasting.settings import (
    EvaluationSettings,
    ModelSettings,
    TrainWhen,
    WatchLimits,
)
from pricewright.intake.archive import Reception
from pricewright.intake.reading.dialect import Calendar, Dialect, Limits, Marks
from pricewright.intake.sources.source import Access
from pricewright.notices.options import Notify
from pricewright.reporting.text import ReportOptions
from pricewright.scheduling.sessions import Schedule
from pricewright.signoffs.policy import GateTerms
from pricewright.signoffs.signed_files import GATES
from pricewright.tables.options import bounds, choices, hints, option_groups
from pricewright.tables.schema import load

ORDER = (  # a room (package) imports only rooms after it
    "commands",
    "steps",
    "running",
    "monitoring",
    "releases",
    "configuration",
    "notices",
    "signoffs",
    "reporting",
    "training",
    "evaluation",
    "forecasting",
    "cleaning",
    "intake",
    "intake.reading",
    "intake.sources",
    "scheduling",
    "tables",
    "steplog",
    "files",
)
"""The rooms of workflow/scripts; `steps` are the rules' scripts."""

SCRIPT_NAMES = (*STEPS, "monitor", "clean_shard", "train_or_score_shard", "production")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (*ROOT.glob("requirements*.lock"), *ROOT.glob("benchmarks/**/*.lock"))
}
BESIDE = [name for name in LOCKS if name.startswith("benchmarks/orchestrators/")]


def modules():
    """Every module of workflow/scripts by its name, with its syntax tree."""
    for path in sorted(SCRIPTS.rglob("*.py")):
        name = ".".join(path.relative_to(SCRIPTS).with_suffix("").parts)
        yield name.removesuffix(".__init__"), ast.parse(path.read_text())


MODULES = dict(modules())


def imported(tree):
    """The names that a module imports, as `package.module` or `package.module.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows(name):
    """The project's own modules that a module imports."""
    for found in imported(MODULES[name]):
        known = next((m for m in (found, found.rpartition(".")[0]) if m in MODULES), None)
        if known and known != name:
            yield known


def room(name):
    """The room of a module."""
    if name in SCRIPT_NAMES:
        return "steps"
    package = name if name in PACKAGES else name.rpartition(".")[0]
    return package.removeprefix("pricewright.")


PACKAGES = {
    ".".join(path.parent.relative_to(SCRIPTS).parts) for path in SCRIPTS.rglob("__init__.py")
}
LOOSE = {"pricewright", "pricewright.__main__"}


def test_every_module_is_in_a_room_that_the_order_knows():
    assert {room(name) for name in MODULES.keys() - LOOSE} == set(ORDER)


@pytest.mark.parametrize("name", sorted(MODULES.keys() - LOOSE))
def test_imports_go_down_only(name):
    floor = ORDER.index(room(name))
    up = [
        found for found in arrows(name) if found not in LOOSE and ORDER.index(room(found)) < floor
    ]
    assert not up


def test_no_module_imports_itself_through_others():
    done, open_ = set(), []

    def follow(name):
        assert name not in open_, " -> ".join([*open_, name])
        if name not in done:
            open_.append(name)
            for found in arrows(name):
                follow(found)
            done.add(open_.pop())

    for name in MODULES:
        follow(name)


def test_only_one_room_imports_snakemake():
    users = {
        room(name)
        for name, tree in MODULES.items()
        if any(found.split(".")[0].startswith("snakemake") for found in imported(tree))
    }
    assert users == {"running"}


def test_every_part_of_snakemake_that_is_used_is_in_the_table_of_comforts():
    files = "".join((ROOT / name).read_text() for name in ("Snakefile", "workflow/Snakefile"))
    used = set(re.findall(r"workflow\.([a-z_]+)(?:[.(]| =)", files))
    for name, tree in MODULES.items():
        if room(name) != "running":
            continue
        for found in imported(tree):
            if found.startswith("snakemake"):
                used.add(found.rpartition(".")[2])
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                of = ast.unparse(node.value)
                used |= {node.attr} if of in ("workflow", "workflow.dag") else set()
    assert {"dag", "needrun_jobs", "Quietness", "exec_mode", "source_path"} <= used
    said = set(re.findall(r"`(\w+)`", ast.get_docstring(MODULES["running.comforts"])))
    assert used <= said


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_room_describes_itself_in_three_lines_and_uses_only_rooms_it_names(name):
    said = ast.get_docstring(MODULES[name])
    assert len(said.splitlines()) == 3
    assert len(MODULES[name].body) == 1  # only the docstring
    if name == "pricewright":
        return
    own = name.removeprefix("pricewright.")
    words = said.partition("May use ")[2]
    named = [other for other in ORDER if re.search(rf"\b{other}\b", words)]
    assert named or "no other room" in words or "every room" in words
    if re.search(r"\bbelow\b", words):
        last = named[-1] if named and "every room" not in words else own
        named += ORDER[ORDER.index(last) :]
    within = [other for other in ORDER if other.startswith(f"{own}.")]
    used = {room(found) for module in MODULES if room(module) == own for found in arrows(module)}
    assert used <= {own, "pricewright", *named, *within}


@pytest.mark.parametrize("name", SCRIPT_NAMES)
def test_a_script_imports_step_first_and_ends_in_its_two_lines(name):
    source = (SCRIPTS / f"{name}.py").read_text()
    ours = [found for found in imported(ast.parse(source)) if found.split(".")[0] in OURS]
    assert ours[0] == "running.step"
    assert source.endswith(f'\n\nif __name__ == "__main__":\n    step.run({name})\n')
    outside = {found.split(".")[0] for found in imported(MODULES[name])} - OURS
    assert outside <= set(sys.stdlib_module_names)


OURS = {"running", "pricewright"}


@pytest.mark.parametrize("name", [*STEPS, "monitor"])
def test_a_rule_says_what_every_rule_must(name):
    text = (ROOT / "workflow" / "rules" / f"{name}.smk").read_text()
    parts = re.sub(r"\(\s+", "(", text)  # join calls that are spread over lines
    assert re.findall(r"^rule (\w+):", text, re.MULTILINE) == [name]
    for part in (
        f'"logs/{name}.log"',
        f'"../scripts/{name}.py"',
        f'code=code_used(SCRIPTS / "{name}.py"',
        'retries: retries_here(workflow, config["retries"]["times"])',
        'retry=retrying(workflow, config["retries"])',
        "mem_mb=memory(",
        "runtime=minutes(",
    ):
        assert part in parts
    assert len(text.splitlines()) < 100


def test_no_decision_or_release_is_an_output_that_a_run_may_delete():
    text = (ROOT / "workflow" / "rules" / "production.smk").read_text()
    assert re.findall(r"^rule (\w+):", text, re.MULTILINE) == ["production"]
    for part in (
        '"logs/production.log"',
        '"../scripts/production.py"',
        'SCRIPTS / "production.py"',
        "localrule: True",
    ):
        assert part in text
    assert "    output:" not in text
    assert "retries:" not in text
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert not [name for name in ("signoffs/", "ledger/", "production/") if f'"{name}' in rules]


def test_a_result_in_the_run_report_has_one_label():
    """Snakemake's report turns two labels with two values each into switches, and then fails for
    combinations without a result."""
    labels = [
        ast.literal_eval(found)
        for path in (ROOT / "workflow" / "rules").glob("*.smk")
        for found in re.findall(r"labels=(\{.*?\})", path.read_text(), re.DOTALL)
    ]
    assert len(labels) == 12
    assert all(len(label) == 1 for label in labels)


def test_the_snakefile_fits_on_a_page():
    assert len((ROOT / "workflow" / "Snakefile").read_text().splitlines()) < 60


def test_files_txt_lists_everything_that_steps_need_when_used_by_url():
    workflow = ROOT / "workflow"
    needed = [*SCRIPTS.rglob("*.py")]
    needed += [*(workflow / "schemas").iterdir(), *(workflow / "page").iterdir()]
    needed.append(workflow / "report" / "dag.rst")
    listed = (workflow / "files.txt").read_text().split()
    assert sorted(listed) == sorted(path.relative_to(workflow).as_posix() for path in needed)


def test_every_config_key_reaches_the_step_that_uses_it():
    used = {}
    for name in STEPS:
        function = getattr(import_module(name), name)
        grouped = {option for group in option_groups(function) for option in hints(group)}
        used[name] = grouped | set(inspect.signature(function).parameters)
    sections = load("config")["properties"]
    assert set(sections["source"]["properties"]) - {"uri"} <= used["ingest"]
    assert set(sections["quality"]["properties"]) <= used["clean"]
    assert {f"missing_{kind}" for kind in sections["missing"]["properties"]} <= used["clean"]
    assert {
        *sections["model"]["properties"],
        *sections["evaluation"]["properties"],
        *sections["train"]["properties"],
        *(set(sections["accept"]["properties"]) - {"allow_unaccepted"}),
        "mode",
        "model",
    } <= used["train_or_score"]
    assert {*sections["report"]["properties"], "allow_unaccepted"} <= used["report"]
    assert "allow_unaccepted" in used["deploy"]
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    for key in (
        "config['format']",
        'config["corrections"]["file"]',
        'config["mode"]',
        'config["score"]["model"]',
        'config["accept"]["allow_unaccepted"]',
        'config["retries"]["times"]',
        'config["retries"])',
        'config["shards"]',
    ):
        assert key in rules
    signoffs = sections["signoffs"]["properties"]
    assert set(signoffs) == {"author", *GATES}
    asked = {field.name for field in fields(GateTerms)}
    assert all(set(signoffs[gate]["properties"]) == asked for gate in GATES)
    assert set(sections) == {
        *("format", "shards", "source", "missing", "corrections", "quality", "model"),
        *("evaluation", "accept", "report", "signoffs", "mode", "train", "score", "history"),
        *("watch", "retries", "notify", "schedule"),
    }


OPTIONS = (Access, Reception, Dialect, Marks, Calendar, Limits, MissingRules, FlagThresholds)
OPTIONS += (ModelSettings, EvaluationSettings, TrainWhen, WatchLimits, Criteria, ReportOptions)
OPTIONS += (Notify, Schedule)
README = dict(
    re.findall(
        r"^\| `([a-z_.]+)` \| (.+?) \| ", (ROOT / "config/README.md").read_text(), re.MULTILINE
    )
)
"""Each key's default, as config/README.md states it."""


@pytest.mark.parametrize("group", OPTIONS, ids=lambda group: group.__name__)
def test_the_schema_of_config_agrees_with_the_options(group):
    section = load("config")["properties"][group.section]["properties"]
    for name, hint in hints(group).items():
        if name in ("marks", "calendar"):
            continue
        key = name.removeprefix(f"{group.section}_")
        said, default = section[key], getattr(group(), name)
        plain = list(default) if isinstance(default, tuple) else default
        assert said["default"] == (str(plain) if isinstance(plain, Path) else plain)
        stated = README.get(f"{group.section}.{key}", "none").strip("`").replace(",", "")
        if isinstance(default, bool):
            assert stated == str(default).lower()
        elif isinstance(default, int | float):
            assert float(stated) == default
        elif isinstance(default, str) and key not in ("delimiter", "symbol_pattern"):
            assert stated == default
        if "enum" in said:
            assert [value for value in said["enum"] if value is not None] == list(choices(hint))
        limits = bounds(hint)
        if not isinstance(default, Path):
            assert said.get("minimum", said.get("minLength")) == limits.least
        assert said.get("exclusiveMinimum") == limits.above
        assert said.get("maximum", said.get("maxLength")) == limits.most


def test_every_option_has_a_docstring():
    for group in OPTIONS:
        body = ast.parse(inspect.getsource(group)).body[0].body
        for field, after in itertools.pairwise(body):
            if isinstance(field, ast.AnnAssign) and field.target.id not in ("marks", "calendar"):
                assert isinstance(after, ast.Expr), f"{group.__name__}.{field.target.id}"
        assert isinstance(body[-1], ast.Expr | ast.FunctionDef)


@pytest.mark.parametrize("name", ["config", "corrections", "model", "release", "signoff"])
def test_a_schema_is_2020_12_and_closed_at_every_depth(name):
    schema = load(name)
    assert schema["$schema"].endswith("2020-12/schema")

    def closed(part):
        if isinstance(part, dict):
            if "properties" in part and "type" in part:
                assert part["additionalProperties"] is False
            for value in part.values():
                closed(value)
        elif isinstance(part, list):
            for value in part:
                closed(value)

    closed(schema)


def pins(text):
    return {
        name.lower(): version
        for name, version in re.findall(r"([A-Za-z0-9-]+)(?:\[[a-z]+\])?==([^\s;\\]+)", text)
    }


def test_the_conda_environment_matches_the_locks_and_has_every_direct_dependency():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    from_pip = environment[-1]["pip"]
    entries = re.findall(r"^(\S+==.*?) *\\$", LOCKS["requirements-dev.lock"], re.MULTILINE)
    assert from_pip == [*entries, "--editable ."]
    direct = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    names = {re.match(r"[A-Za-z0-9.-]+", requirement)[0].lower() for requirement in direct}
    names = {name.replace(".", "-") for name in names}
    assert names <= set(pins("\n".join(from_pip)))


def test_the_steps_environment_has_the_locked_versions():
    text = (ROOT / "workflow" / "envs" / "steps.yaml").read_text()
    locked = pins(LOCKS["requirements.lock"])
    assert pins(text) == {name: locked[name] for name in pins(text)}
    needed = {
        found.split(".")[0]
        for name, tree in MODULES.items()
        if name.split(".")[0] == "pricewright" and room(name) != "commands"
        for found in imported(tree)
    } - set(sys.stdlib_module_names)
    needed -= {"compression"}  # part of the standard library from Python 3.14 on
    needed -= {"lightgbm"}  # an optional extra
    needed -= {"apprise"}  # used by the run itself, not by a step
    distributions = {
        "backports": "backports-zstd",
        "exchange_calendars": "exchange-calendars",
        "python_calamine": "python-calamine",
        "yaml": "pyyaml",
        "vl_convert": "vl-convert-python",
        "jsonschema_rs": "jsonschema-rs",
    }
    assert {distributions.get(name, name) for name in needed - {"pricewright"}} == set(pins(text))


def test_the_tests_use_the_lightgbm_extra_as_users_install_it():
    extras = PROJECT["optional-dependencies"]
    assert set(extras["lightgbm"]) <= set(extras["dev"])


def test_the_test_environment_contains_the_run_environment():
    run, dev = pins(LOCKS["requirements.lock"]), pins(LOCKS["requirements-dev.lock"])
    assert run.items() <= dev.items()


@pytest.mark.parametrize("name", BESIDE)
def test_a_benchmarked_orchestrator_fits_into_the_run_environment(name):
    run, peer = pins(LOCKS["requirements.lock"]), pins(LOCKS[name])
    assert name.rpartition("/")[2].removesuffix(".lock") in peer
    assert {one for one in run.keys() & peer.keys() if run[one] != peer[one]} == set()


def test_the_profile_tests_have_every_profiles_extra_and_nothing_from_the_other_tests():
    extras = PROJECT["optional-dependencies"]
    names = ("slurm", "lsf", "cluster-generic", "kubernetes")
    wanted = [requirement for name in names for requirement in extras[name]]
    cluster = set(pins(LOCKS["requirements-cluster.lock"]))
    assert {requirement.split()[0] for requirement in wanted} <= cluster
    assert not cluster & set(pins(LOCKS["requirements-dev.lock"]))


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_version_has_hashes_and_no_url(name):
    entries = re.split(r"\n(?=\S)", LOCKS[name].strip())
    assert all("--hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    assert "://" not in LOCKS[name]


HEAVY = {
    "ingest": {"pandas", "vl_convert", "sqlalchemy", "urllib3", "python_calamine"},
    "clean": {"vl_convert"},
    "train_or_score": {"pandas", "vl_convert"},
    "report": {"pandas", "vl_convert"},
    "deploy": {"pandas", "vl_convert"},
    "monitor": {"pandas", "vl_convert", "pyarrow"},
    "production": {"pandas", "vl_convert", "pyarrow", "rocrate", "requests"},
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_step_imports_nothing_heavy_that_it_does_not_need(name):
    show = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import {name}; print(*sys.modules)"
    loaded = set(command("-c", show, cwd=SCRIPTS).stdout.split())
    assert not loaded & (HEAVY[name] | {"snakemake", "cyclopts", "matplotlib", "scipy"})


@pytest.mark.parametrize("name", ["ingest", "train_or_score", "report", "deploy"])
def test_a_step_that_does_not_use_pandas_does_not_load_it_while_it_runs(name, finished):
    inputs = {
        "ingest": ["data/raw/small.csv", "o", "--received", "r"],
        "train_or_score": [
            "results/prices_clean.json",
            "o",
            "--backtest",
            "b",
            "--min-history",
            "40",
        ],
        "report": ["results/model.json", "o", "--backtest", "results/backtest.parquet"],
        "deploy": ["results/report.txt", "o", "--allow-unaccepted"],
    }[name]
    script = str(finished.folder / "workflow/scripts" / f"{name}.py")
    done = command("-X", "importtime", script, *inputs, cwd=finished.folder)
    assert done.code == 0, done.stderr
    assert "| running.step" in done.stderr
    assert "pandas.core" not in done.stderr


def test_the_architecture_page_draws_every_room_and_names_existing_code():
    text = (ROOT / "docs" / "architecture.md").read_text()
    for name in ORDER:
        assert f'["{name}<br>' in text, name
    named = re.findall(r"`((?:[a-z_]+\.)+\w+)`", text)
    places = [name for name in named if name.split(".")[0] in ORDER]
    assert len(places) > 20
    for place in places:
        module, _, name = f"pricewright.{place}".rpartition(".")
        assert hasattr(import_module(module), name), place


def test_the_readme_has_at_most_200_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_every_link_between_pages_has_a_target():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]
    assert len(pages) > 8
    for page in pages:
        for link in re.findall(r"\]\((?!https?:)([^)#]*)", page.read_text()):
            assert (page.parent / link).exists(), f"{page}: {link}"
