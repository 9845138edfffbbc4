"""How two models differ: how they were made, from which data, for which symbols, how good."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pricewright.evaluation.acceptance import key_of
from pricewright.files.errors import some_of
from pricewright.reporting.figures import value_at

_MADE = ["mode", "cutoff", "code/sha256", "data/sha256", "data/rows", "data/symbols"]
_MADE += ["data/first_date", "data/last_date", "receipts/ingest/sha256"]
_FIGURES = ["mae_ratio", "volatility/qlike", "volatility/ewma_qlike"]
_FIGURES += [
    f"model/{name}" for name in ("mase", "rmsse", "pinball", "crps", "interval_score", "coverage")
]
NAMED = 20
"""The most symbols that are named; the others are counted."""

Change = tuple[str, Any, Any]
"""The name of a property, and its value in the one model and in the other."""


def compare_models(
    one: Mapping[str, Any], other: Mapping[str, Any], digests: Sequence[str]
) -> dict[str, Any]:
    """How the other model differs from the one, from their documents and SHA-256, fit for JSON.

    `figures` cover all symbols together. `tested` is the record of the test made when the other
    was trained with the one as champion, else None: figures alone may differ by chance.
    """
    tested = other["champion"]
    return {
        "models": list(digests),
        "made": _changes(_at(one, _MADE), _at(other, _MADE)),
        "libraries": _changes(one["code"]["libraries"], other["code"]["libraries"]),
        "config": _changes(one["parameters"], other["parameters"]),
        "flags": _changes(*(_flags(model) for model in (one, other))),
        "gone": sorted(one["symbols"].keys() - other["symbols"].keys()),
        "new": sorted(other["symbols"].keys() - one["symbols"].keys()),
        "accepted": [one["acceptance"]["accepted"], other["acceptance"]["accepted"]],
        "criteria": _changes(*(_criteria(model) for model in (one, other))),
        "figures": _changes(*(_at(model["metrics"]["pooled"], _FIGURES) for model in (one, other))),
        "dates": [_dates(model["metrics"]) for model in (one, other)],
        "tested": tested if tested and tested["sha256"] == digests[0] else None,
    }


def _changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Change]:
    names = dict.fromkeys([*one, *other])
    found = [(name, one.get(name), other.get(name)) for name in names]
    return [change for change in found if change[1] != change[2]]


def _at(document: Mapping[str, Any], places: Sequence[str]) -> dict[str, Any]:
    found = {}
    for place in places:
        try:
            found[place.replace("/", ".")] = value_at(document, f"/{place}")
        except (KeyError, TypeError):  # the model was made without it
            found[place.replace("/", ".")] = None
    return found


def _flags(model: Mapping[str, Any]) -> dict[str, int]:
    found = model["receipts"].get("clean", {}).get("flags", {})
    return {name: count for name, count in found.items() if count}


def _dates(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The dates from which a model's figures were made, and how many it was trained on."""
    names = ("first_origin", "last_origin", "origins", "origins_the_model_knew")
    return {name: metrics[name] for name in names}


def _criteria(model: Mapping[str, Any]) -> dict[str, Any]:
    criteria = model["acceptance"]["criteria"]
    return {key_of(name): found["value"] for name, found in criteria.items()}


def comparison_text(found: Mapping[str, Any]) -> str:
    """A comparison in words, one line per change."""
    lines = [f"{who}  {digest}" for who, digest in zip("AB", found["models"], strict=True)]
    for heading, changes in _sections(found):
        widest = max(len(name) for name, _ in changes)
        lines += ["", heading, *(f"  {name:<{widest}}  {said}" for name, said in changes)]
    for heading, names in _symbols(found):
        lines += ["", heading, f"  {names}"]
    return "\n".join([*lines, "", *_verdict(found)])


def comparison_page(found: Mapping[str, Any]) -> str:
    """A comparison as a page: one file, without requests or scripts."""
    from pricewright.reporting.html import part, policy, template  # slow to import

    style = part("report.css")
    return template("compare.html").render(
        policy=policy([], style),
        style=style,
        models=list(zip("AB", found["models"], strict=True)),
        verdict=_verdict(found),
        sections=list(_sections(found)),
        symbols=list(_symbols(found)),
    )


def _sections(found: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """By heading, what has changed: pairs of name and the change in words."""
    sections = {
        "Made": found["made"],
        "Libraries": found["libraries"],
        "Config": found["config"],
        "Flags": found["flags"],
        "Criteria": found["criteria"],
        "Figures of all symbols": found["figures"],
    }
    for heading, changes in sections.items():
        if changes:
            yield heading, [(name, _change(*pair)) for name, *pair in changes]


def _symbols(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The symbols that only one of the two has."""
    for heading, names in (("Gone symbols", found["gone"]), ("New symbols", found["new"])):
        if names:
            yield heading, some_of(names, NAMED)


def _verdict(found: Mapping[str, Any]) -> list[str]:
    """Which models are accepted, and what is known about which is better: a sentence each."""
    if len(set(found["models"])) == 1:
        return ["They are the same model."]
    words = ["accepted" if accepted else "not accepted" for accepted in found["accepted"]]
    said = [f"A is {words[0]}, B is {words[1]}.", _tested(found["tested"])]
    if found["gone"] or found["new"]:
        said.append("Caution: their figures are over different symbols, which alone changes them.")
    for who, dates in zip("AB", found["dates"], strict=True):
        if known := dates["origins_the_model_knew"]:
            said.append(
                f"Caution: {who} was trained on {known} of the {dates['origins']} dates of its "
                "figures, so they flatter it."
            )
    return said


def _change(one: Any, other: Any) -> str:
    if isinstance(one, float) or isinstance(other, float):
        texts = ["none" if value is None else f"{value:.6g}" for value in (one, other)]
        both = one is not None and other is not None
        return f"{texts[0]} -> {texts[1]}" + (f"  ({other - one:+.3g})" if both else "")
    texts = ["none" if value is None else _short(str(value)) for value in (one, other)]
    return f"{texts[0]} -> {texts[1]}"


def _short(text: str) -> str:
    is_digest = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return f"{text[:12]}…" if is_digest else text


def _tested(record: Mapping[str, Any] | None) -> str:
    if record is None:
        return "B was not tested against A when it was trained: differences may be chance."
    if record["difference"] is None:
        return f"B was not comparable with A when it was trained: {record['reason']}."
    return (
        f"B compared with A, on {record['origins']} dates that A was not trained on: "
        f"{record['verdict']}; B's pinball loss differs by {record['difference']:+.2%} (95% "
        f"interval {record['lower']:+.2%} to {record['upper']:+.2%})."
    )
