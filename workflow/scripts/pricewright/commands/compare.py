"""Compare: what changed from one model to another."""

import json
from pathlib import Path
from typing import Literal

from pricewright.commands.options import GivenModel
from pricewright.releases.models import LAST, PRODUCTION, find_model
from pricewright.reporting.comparison import compare_models, comparison_page, comparison_text


def compare(
    one: GivenModel = PRODUCTION,
    other: GivenModel = LAST,
    /,
    *,
    format: Literal["text", "json", "html"] = "text",
) -> None:
    """Say what changed from one model to another: config, code, data, symbols, figures.

    A model is named by its digest in `pricewright history`, or how that begins; as `last`, the one
    in results/; as `production` or `previous`, of the release there or before it; or by a path.

    ```
    pricewright compare production last
    ```

    Parameters
    ----------
    one
        The earlier model; the one in production, if none is named.
    other
        The later model; the last one, if none is named.
    format
        As text for people, as JSON, or as a page: `--format html > compare.html`.
    """
    (before, digest), (after, later) = (find_model(Path(), each) for each in (one, other))
    found = compare_models(before, after, [digest, later])
    match format:
        case "json":
            print(json.dumps(found, indent=2, default=dict))
        case "html":
            print(comparison_page(found), end="")
        case "text":
            print(comparison_text(found))
