"""Tables, models and back-tests are the same bytes on every kind of processor: numpy, BLAS and the
system's library of functions are made to do without what this one has."""

import ast
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import orjson
import pytest

from conftest import ROOT, SCRIPTS

SIMD = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
"""What numpy makes use of here, the least first, and could do without."""

BLAS = ("Prescott", "Haswell")  # known to that of x86 alone
LIBM = ("glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA", "")

OTHERS = [
    {
        "NPY_DISABLE_CPU_FEATURES": " ".join(SIMD[kept:]),
        "OPENBLAS_CORETYPE": blas,
        "GLIBC_TUNABLES": libm,
    }
    for kept, (blas, libm) in enumerate(zip(BLAS, LIBM, strict=True))
    if kept < len(SIMD)
]

KINDS = (
    ("naive", "combined", "conformal"),
    ("theta", "garch11", "fhs"),
    ("ses", "har", "normal"),
    ("drift", "ewma", "conformal"),
)

PROBE = """
import hashlib, math
import numpy as np
values = np.random.default_rng(1).uniform(0.1, 9, (8192, 8))
for made in (
    np.log(values),
    np.matmul(np.ascontiguousarray(values[:512].T), values[:512]),
    np.array([math.exp(value) for value in values.ravel()]),
):
    print(hashlib.sha256(made.tobytes()).hexdigest())
"""
PROBED = ("numpy's logarithms", "products of matrices", "the system's exponentials")

MAKE = """
import sys
from pathlib import Path
from flat import clean, ingest, train_or_score
source, *kinds = sys.argv[1:]
ingest(source, Path("raw.json"))
clean(Path("raw.json"), Path("clean.json"), quality=Path("quality.json"))
for kind in kinds:
    location, volatility, distribution = kind.split("-")
    train_or_score(
        Path("clean.json"),
        Path(kind),
        backtest=Path(f"{kind}.csv"),
        origins=20,
        refit=10,
        location=location,
        volatility=volatility,
        distribution=distribution,
    )
"""


def python(*arguments, other=None, cwd=None):
    paths = os.pathsep.join(map(str, (SCRIPTS, Path(__file__).parents[2])))
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": paths} | (other or {}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_are_other_processors_to_pretend_and_their_numbers_differ():
    """Or the test below would hold nothing."""
    if not OTHERS:
        pytest.skip(f"numpy has one way only to compute on {platform.machine()}")
    usual = python("-c", PROBE).split()
    others = [python("-c", PROBE, other=other).split() for other in OTHERS]
    for place, what in enumerate(PROBED):
        differ = any(found[place] != usual[place] for found in others)
        assert differ or platform.machine() != "x86_64" or not platform.libc_ver()[0], what


def test_what_is_made_is_the_same_bytes_on_every_kind_of_processor(tmp_path):
    sample = ROOT / "data" / "raw" / "stocks.csv.gz"
    kinds = ["-".join(kind) for kind in KINDS]

    def made(name, other):
        folder = tmp_path / name
        folder.mkdir()
        python("-c", MAKE, sample, *kinds, other=other, cwd=folder)
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    with ThreadPoolExecutor(2) as pool:
        usual, *others = pool.map(made, map(str, range(len(OTHERS) + 1)), [{}, *OTHERS])
    assert {"clean.json", "quality.json", *kinds, *(f"{kind}.csv" for kind in kinds)} <= {*usual}
    assert orjson.loads(usual["quality.json"])["flags"]["split-like"]  # with scores
    for other, files in zip(OTHERS, others, strict=True):
        assert [name for name in usual if files[name] != usual[name]] == [], other


OTHERWISE = {
    *("log", "log2", "log10", "log1p", "logaddexp", "exp", "exp2", "expm1", "power", "float_power"),
    *("sin", "cos", "tan", "tanh", "hypot", "cbrt", "interp", "linalg", "matmul", "einsum"),
    *("dot", "vdot", "inner", "tensordot", "convolve", "correlate", "cov", "corrcoef", "polyfit"),
}
"""Functions of numpy whose last bits depend on the processor, or on which BLAS there is."""

EXCEPT = {
    ("arrays.py", "log"): "of what has no logarithm",
    ("acceptance.py", "**"): "of which comes a whole number",
}


def depends_on_the_processor(node):
    """What a piece of syntax does that is other bits elsewhere, None if nothing."""
    match node:
        case ast.Attribute(value=ast.Name(id="np"), attr=name) if name in OTHERWISE:
            return name
        case ast.BinOp(op=ast.MatMult()):
            return "@"
        case ast.BinOp(op=ast.Pow(), right=ast.Constant()):
            return None
        case ast.BinOp(op=ast.Pow(), left=ast.Constant(value=int())):
            return None
        case ast.BinOp(op=ast.Pow()):
            return "**"
    return None


def test_no_number_of_an_artifact_is_made_by_what_depends_on_the_processor():
    """tables.arrays has a log and an exp that do not; scipy's tails are rounded in metrics.py."""
    found = {
        (path.name, what)
        for room in ("tables", "cleaning", "forecasting", "evaluation", "training")
        for path in (SCRIPTS / "pricewright" / room).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (what := depends_on_the_processor(node))
    }
    assert found == {*EXCEPT}
