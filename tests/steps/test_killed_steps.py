"""A step killed at any moment leaves the checkpoint that was there, or the new one, whole."""

import random
import subprocess
import sys
import time

from forecasts import write_clean

from conftest import SCRIPTS, command, market

KILLS = 40


def test_a_killed_step_never_leaves_a_torn_checkpoint(tmp_path):
    records = market(symbols=100, days=250)
    write_clean(tmp_path / "raw.json", records)
    arguments = [str(SCRIPTS / "clean.py"), "--input", "raw.json", "--output", "clean.json"]
    begun = time.monotonic()
    assert command(*arguments, cwd=tmp_path).code == 0
    duration = time.monotonic() - begun
    whole = (tmp_path / "clean.json").read_bytes()
    moments, killed = random.Random(11), 0
    for _ in range(KILLS):
        (tmp_path / "clean.json").unlink(missing_ok=True)
        if old := moments.random() < 0.5:
            (tmp_path / "clean.json").write_bytes(b"old")
        step = subprocess.Popen(
            [sys.executable, *arguments], cwd=tmp_path, stderr=subprocess.DEVNULL
        )
        time.sleep(moments.uniform(0.5, 1.05) * duration)
        in_time = step.poll() is None
        killed += in_time
        duration *= 1.03 if in_time else 0.9  # the machine may be faster now, or slower
        step.kill()
        step.wait()
        found = (
            (tmp_path / "clean.json").read_bytes() if (tmp_path / "clean.json").exists() else None
        )
        assert found in ((b"old", whole) if old else (None, whole))
    assert killed > KILLS / 4, "the steps were done before they were killed"
    assert command(*arguments, cwd=tmp_path).code == 0
    assert (tmp_path / "clean.json").read_bytes() == whole
