"""A model card: what a release is, who it is for, its data, its quality and its limits.

The sections follow "Model Cards for Model Reporting" (Mitchell et al. 2019), as do the cards of
Hugging Face and Google; the first lines are Hugging Face's metadata. The card is made from the
model's document alone, so everything in it was measured.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pricewright.evaluation.acceptance import key_of
from pricewright.files.errors import count_of, some_of
from pricewright.reporting.data import data_facts
from pricewright.reporting.figures import format_number, limit, percent
from pricewright.reporting.text import JUDGED
from pricewright.reporting.verdict import champion, method, verdict
from pricewright.tables.symbol_columns import column_of

MOST = 20
"""The most symbols that are named; the others are counted."""


def model_card(model: Mapping[str, Any], *, title: str, sha256: str) -> str:
    """The card of a model document as Markdown; sha256: the digest of the document's bytes."""
    chosen, metrics = model["parameters"], model["metrics"]
    symbols = sorted(model["symbols"])
    header = {
        "tags": ["time-series-forecasting", "volatility", "value-at-risk"],
        "library_name": "pricewright",
        "model_name": title,
    }
    evaluated = (
        f"From {metrics['origins']} dates, {metrics['first_origin']} to {metrics['last_origin']}, "
        f"1 to {chosen['horizon']} days ahead, using only what was known at each date; compared "
        "with the plain random walk with normal intervals of constant variance."
        if metrics["origins"]
        else "Not evaluated: no history is long enough."
    )
    sections = {
        "Model details": _list(
            [
                ("SHA-256", f"`{sha256}`"),
                ("code", f"`{model['code']['sha256']}`"),
                *((label, _plain(said)) for label, said in method(model)),
            ]
        ),
        "Intended use": [
            f"Forecasts of `{chosen['price']}` for the {count_of(len(symbols), 'symbol')} below, "
            f"1 to {chosen['horizon']} trading days ahead: a point, an interval of "
            f"{percent(chosen['level'])}, quantiles. It covers no other symbols, no intraday "
            "prices, and uses nothing but these prices. To use it: "
            "`pricewright predict --model model.json`; add `--prices` for newer prices.",
            "",
            f"{some_of(list(map(_plain, symbols)), MOST)}.",
        ],
        "Training data": _list([(label, _plain(said)) for label, said in data_facts(model)]),
        "Evaluation": [evaluated, "", *_items(verdict(model)), "", *_criteria(model)],
        "Compared with the model it replaces": _items(champion(model)),
        "Limits": _limits(model),
    }
    text = [
        "---",
        yaml.safe_dump(header, sort_keys=False).rstrip(),
        "---",
        "",
        f"# {_plain(title)}",
    ]
    for heading, lines in sections.items():
        text += ["", f"## {heading}", "", *lines]
    return "\n".join(text) + "\n"


def _criteria(model: Mapping[str, Any]) -> list[str]:
    rows = ["| criterion | found | wanted | met |", "|---|---|---|---|"]
    for name, found in model["acceptance"]["criteria"].items():
        value = format_number(found["value"], "criterion")
        what = f"{_plain(found['what'])} (`{key_of(name)}`)"
        rows.append(f"| {what} | {value} | {limit(found)} | {JUDGED[found['met']]} |")
    return rows


def _limits(model: Mapping[str, Any]) -> list[str]:
    states = model["symbols"]
    found = [
        f"{_plain(symbol)}: {_plain('; '.join(notes))}"
        for symbol, notes in zip(states, column_of(states, "fallbacks"), strict=True)
        if notes
    ]
    left_out = [f"{_plain(out['symbol'])}: {_plain(out['reason'])}" for out in model["left_out"]]
    known = model["metrics"]["origins_the_model_knew"]
    lines = (
        [f"- It was trained on {known} of the dates, so these numbers flatter it."] if known else []
    )
    for what, notes in (("Simpler than chosen", found), ("Left out of the model", left_out)):
        more = [f"and {len(notes) - MOST:,} more"] if len(notes) > MOST else []
        lines += [f"- {what}: {note}" for note in [*notes[:MOST], *more]]
    return lines or ["None were found when the model was made."]


def _list(facts: Sequence[tuple[str, str]]) -> list[str]:
    return [f"- **{label}**: {text}" for label, text in facts]


def _items(sentences: Sequence[str]) -> list[str]:
    return [f"- {_plain(sentence)}" for sentence in sentences]


def _plain(text: str) -> str:
    """Escape a text so that nothing from config or a file is read as markup."""
    one_line = " ".join("".join(c if c.isprintable() else "?" for c in text).split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#!~" else c for c in one_line)
