"""Five assets: `dagster asset materialize --module-name flow --select '*'`.

Its executor is the usual one: a process for each step, whose output it keeps; or, by its option
`in_process`, this process.
"""

from dagster import Definitions, asset
from steps import call


@asset
def prices_raw() -> None:
    call("ingest")


@asset(deps=[prices_raw])
def prices_clean() -> None:
    call("clean")


@asset(deps=[prices_raw, prices_clean])
def model() -> None:
    call("train_or_score")


@asset(deps=[prices_clean, model])
def report() -> None:
    call("report")


@asset(deps=[model, report])
def deployed_model() -> None:
    call("deploy")


defs = Definitions([prices_raw, prices_clean, model, report, deployed_model])
