"""The config, complete and checked, before anything runs."""

from pathlib import Path
from typing import Any

from pricewright.errors import Refusal
from pricewright.fields import VALUES
from pricewright.schema import check, fill_defaults, load
from pricewright.sources import local_path


def complete(config: dict[str, Any]) -> None:
    """Fill in the defaults of keys that are left out, then check every key and combination.

    Raises Refusal with one sentence: the key, what was found, what is allowed.
    """
    check(config, "config", "config key")
    fill_defaults(config, load("config"))
    _check_columns(config)
    _check_score(config)


def config_file(workflow_folder: Path) -> str:
    """The config that a run begins with: the working directory's, else the one shipped."""
    own = Path("config/config.yaml")
    return str(own if own.exists() else workflow_folder / own)


def source_file(config: dict[str, Any], workflow_folder: Path) -> str:
    """The source's path: as config has it if that is there, else from the workflow's folder.

    So the sample that comes with the workflow is found from any working directory.
    """
    path = local_path(config["source"]["uri"])
    shipped = workflow_folder / path
    return str(path if path.exists() or not shipped.exists() else shipped)


def named_columns(config: dict[str, Any]) -> dict[str, str]:
    """The columns that the source has: our name to its name."""
    columns: dict[str, str | None] = config["source"]["columns"]
    return {ours: theirs for ours, theirs in columns.items() if theirs is not None}


def _check_columns(config: dict[str, Any]) -> None:
    source, columns = config["source"], named_columns(config)
    price = config["model"]["price"]
    if source["layout"] == "wide":
        for ours in ("symbol", *VALUES):
            if ours in columns:
                raise Refusal(
                    f"config key 'source.columns.{ours}': found {columns[ours]!r}, allowed: null, "
                    "for source.layout is wide: each symbol's own column holds its close."
                )
        if source["symbol"] is not None:
            raise Refusal(
                f"config key 'source.symbol': found {source['symbol']!r}, allowed: null, "
                "for source.layout is wide: the columns' names are the symbols."
            )
        available = {"close"}
    else:
        if source["symbol"] is not None and "symbol" in columns:
            raise Refusal(
                f"config key 'source.symbol': found {source['symbol']!r} beside "
                f"source.columns.symbol {columns['symbol']!r}, allowed: one of the two, not both."
            )
        available = {value for value in VALUES if value in columns} or set(VALUES)
    if price not in available or price == "volume":
        raise Refusal(
            f"config key 'model.price': found {price!r}, allowed: "
            f"{' or '.join(sorted(available - {'volume'}))}, for that is what the source has."
        )


def _check_score(config: dict[str, Any]) -> None:
    given = config["score"]["model"]
    if config["mode"] == "score" and given is None:
        raise Refusal(
            "config key 'score.model': found null, allowed: the path of a model, for mode is score."
        )
    if given is not None and Path(given).parts[:1] == ("results",):
        raise Refusal(
            f"config key 'score.model': found {given!r}, which a run writes itself; "
            "copy the model out of results/ and name the copy."
        )
