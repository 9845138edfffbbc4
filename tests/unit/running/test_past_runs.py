"""When the last run began, by the names of Snakemake's logs."""

from datetime import UTC, datetime

from running.past_runs import last_start


def test_the_last_run_began_when_the_newest_log_of_snakemakes_says(tmp_path):
    assert last_start(tmp_path) is None
    folder = tmp_path / ".snakemake" / "log"
    folder.mkdir(parents=True)
    for name in ("2026-11-24T215026.463057", "2026-11-24T215026.500000", "2025-12-24T215026.9"):
        (folder / f"{name}.snakemake.log").touch()
    assert last_start(tmp_path) == datetime(2026, 11, 24, 21, 50, 26, 500_000).astimezone(UTC)
