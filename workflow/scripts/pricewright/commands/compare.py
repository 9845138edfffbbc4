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
    """Show what changed from one model to another: config, code, data, symbols, figures.

    Name a model by its digest in `pricewright history`, or the first digits of it; as `last`, the
    one in results/; as `production` or `previous`, the current release's or the one before; or by
    its path.

    ```
    pricewright compare production last
    ```

    Parameters
    ----------
    one
        The earlier model; if not given, the one in production.
    other
        The later model; if not given, `last`.
    format
        Text for people, JSON, or a page: `--format html > compare.html`.
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
