"""The code that a script really runs: itself, the project's modules it imports, and libraries.

The project's own code is digested by its syntax trees, so comments, layout and docstrings do not
count. Minor versions of Python write trees differently, so digests can only be compared within
one. For libraries, the version counts.
"""

import ast
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from pricewright.files.disk import write_whole

_MANY = 1000  # entries in the memory; by then most are of old versions of files
_MEMORY = Path(__file__).parent / "__pycache__" / "provenance.json"

_DISTRIBUTIONS = {
    "backports": "backports.zstd",
    "jsonschema_rs": "jsonschema-rs",
    "python_calamine": "python-calamine",
    "vl_convert": "vl-convert-python",
    "yaml": "pyyaml",
}
"""Distributions whose name differs from the name to import."""

_NOT_COUNTED = {
    "cyclopts",  # for the command line: a script that a rule runs never uses it
    "compression",  # part of the standard library from Python 3.14 on
}

_OPTIONAL = {"lightgbm"}
"""Imported only if config asks for it; it need not even be installed."""


def code_used(
    script: Path, schemas: Iterable[Path] = (), *, asked_for: Iterable[str] = ()
) -> dict[str, str]:
    """A rule's param `code`: the script's digest and its libraries' versions, by name.

    With the names, Snakemake's stated reason for a rerun is readable. asked_for: words of the
    config; the optional libraries among them will be used.
    """
    return {script.name: code_digest(script, schemas)} | libraries(script, asked_for)


def libraries(script: Path, asked_for: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of the distributions that the script and its modules import.

    Optional libraries count only if they are in `asked_for`.
    """
    script = Path(script).resolve()
    names = {
        name.partition(".")[0]
        for file in imported_files(script)
        for name in _digest_and_imports(file)[1]
    }
    left_out = _NOT_COUNTED | (_OPTIONAL - set(asked_for))
    outside = {
        name
        for name in names - sys.stdlib_module_names - left_out
        if not _files(name, script.parent)
    }
    distributions = sorted(_DISTRIBUTIONS.get(name, name) for name in outside)
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}"} | {
        name: installed_version(name) for name in distributions
    }


def code_digest(script: Path, schemas: Iterable[Path] = ()) -> str:
    """SHA-256 of the script, of every module in its folder that it imports (at any depth), and of
    the schemas.

    Raises SyntaxError, with file and line, for code that does not parse.
    """
    script = Path(script).resolve()
    digest = hashlib.sha256()
    for file in sorted(imported_files(script)):
        digest.update(file.relative_to(script.parent).as_posix().encode() + b"\0")
        digest.update(_digest_and_imports(file)[0].encode() + b"\0")
    for file in sorted(Path(schema) for schema in schemas):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def imported_files(script: Path) -> set[Path]:
    """The script and all files under its folder that it imports when it runs."""
    files: set[Path] = set()
    to_read = [script]
    before = len(_read_memory())
    while to_read:
        file = to_read.pop()
        if file not in files:
            files.add(file)
            to_read.extend(_imports(file, script.parent))
    if len(_read_memory()) > before:
        with suppress(OSError):  # beside the code, like Python's bytecode, if it is writable
            write_whole(_MEMORY, json.dumps(_read_memory()).encode())
    return files


@cache
def installed_version(distribution: str) -> str:
    """The installed version of a distribution, or "not installed"."""
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


@cache
def _digest_and_imports(file: Path) -> tuple[str, frozenset[str]]:
    """The digest of a file's code, and the names that it imports."""
    source = file.read_bytes()
    key = hashlib.sha256(sys.version.encode() + source).hexdigest()
    known = _read_memory()
    if key not in known:
        tree = ast.parse(source, filename=str(file))
        known[key] = [
            _imported_names(tree),
            hashlib.sha256(_without_docstrings(tree).encode()).hexdigest(),
        ]
    names, digest = known[key]
    return digest, frozenset(names)


@cache
def _read_memory() -> dict[str, Any]:
    """The results of earlier parsing, by a digest of the source: a look-up is faster."""
    try:
        known = dict(json.loads(_MEMORY.read_bytes()))
    except (OSError, ValueError):
        return {}
    return known if len(known) < _MANY else {}


def _without_docstrings(tree: ast.Module) -> str:
    """A syntax tree as text, without its docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a lone string, such as a docstring, which does nothing."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def _imports(file: Path, root: Path) -> frozenset[Path]:
    return frozenset(path for name in _digest_and_imports(file)[1] for path in _files(name, root))


def _imported_names(tree: ast.Module) -> list[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return sorted(names)


@cache
def _files(name: str, root: Path) -> frozenset[Path]:
    """The files under `root` that run when the module `name` is imported: its packages and it."""
    files, folder = list[str](), str(root)
    for part in name.split("."):
        folder = os.path.join(folder, part)  # faster than pathlib, and there are a thousand calls
        files += filter(os.path.isfile, (f"{folder}.py", f"{folder}/__init__.py"))
        if not os.path.isdir(folder):
            break
    return frozenset(map(Path, files))
