"""A model is the same bytes on every kind of processor: numpy and BLAS pretend to be on others."""

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import orjson
import pytest

from conftest import SCRIPTS, market

SIMD = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
"""What numpy makes use of here, the least first, and could do without."""

BLAS = ("Prescott", "Haswell", "SkylakeX")

OTHERS = [
    {
        "NPY_DISABLE_CPU_FEATURES": " ".join(SIMD[kept:]),
        "OPENBLAS_CORETYPE": BLAS[min(kept, len(BLAS) - 1)],  # known to that of x86 alone
    }
    for kept in range(len(SIMD))
]

KINDS = (
    ("naive", "combined", "conformal"),
    ("theta", "garch11", "fhs"),
    ("ses", "har", "normal"),
)

PROBE = """
import hashlib, sys
import numpy as np
values = np.random.default_rng(1).uniform(0.1, 9, (512, 8))
for made in (np.log(values), np.matmul(np.ascontiguousarray(values.T), values)):
    print(hashlib.sha256(made.tobytes()).hexdigest())
"""


def python(*arguments, other=None):
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=os.environ | (other or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def test_there_are_other_processors_to_pretend_and_numpy_differs_on_them():
    """Or the test below would hold nothing."""
    if not OTHERS:
        pytest.skip(f"numpy has one way only to compute on {platform.machine()}")
    usual = python("-c", PROBE).split()
    others = [python("-c", PROBE, other=other).split() for other in OTHERS]
    for place, what in enumerate(("logarithms", "products of matrices")):
        differ = any(found[place] != usual[place] for found in others)
        assert differ or platform.machine() != "x86_64", what


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
def test_a_model_is_the_same_bytes_on_every_kind_of_processor(tmp_path, kinds):
    (tmp_path / "clean.json").write_bytes(orjson.dumps(market(symbols=3, days=420)))

    def trained(name, other):
        options = zip(("--location", "--volatility", "--distribution"), kinds, strict=True)
        python(
            SCRIPTS / "train_or_score.py",
            *("--input", tmp_path / "clean.json", "--output", tmp_path / name),
            *("--price", "close", "--calibration", "200", "--origins", "40"),
            *(word for option in options for word in option),
            other=other,
        )
        return (tmp_path / name).read_bytes()

    with ThreadPoolExecutor(2) as pool:
        usual, *others = pool.map(trained, map(str, range(len(OTHERS) + 1)), [{}, *OTHERS])
    assert orjson.loads(usual)["symbols"]
    for other, model in zip(OTHERS, others, strict=True):
        assert model == usual, other
