"""Snakemake's own report of a run, made smaller, safe against markup in data, and fit for a phone.

Snakemake embeds every result whole: the model of 500 symbols, twice, made up 13.5 of 16.7 MB. This
report instead names results that are large, or that the page holds already, with their SHA-256;
people open them in results/.

Snakemake writes its data into the page's scripts as JSON without escaping it, so a `</script>` in a
title or a file's name would end the script and begin markup. It renders captions as
reStructuredText, in which a title could also contain markup; so the captions escape what they take
from config.
"""

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from pricewright.files.disk import file_sha256, write_whole

MB = 1_000_000

MOST = MB
"""The largest result, in bytes, that the page embeds."""

FEW = 10_000
"""The largest result, in bytes, that the page may embed twice."""

_WORDS = Path(".snakemake") / "words"
"""The temporary folder of the texts that replace such results; the page names it."""

_DATA = re.compile(r"^(    var \w+ = )(.*;)$", re.MULTILINE)
"""The lines of Snakemake's template that hold JSON, one line each."""

_HEAD = '<meta charset="utf-8">'
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; frame-src data:; base-uri 'none'; form-action 'none'\">"
)
"""The page holds everything that it needs; whatever its data, it makes no requests."""

_STYLE = """<style>
    @media (max-width: 640px) { /* on a phone the menu stands above what it shows */
        #app > div { flex-direction: column; height: auto; }
        #app > div > nav { width: 100% !important; height: auto; flex-shrink: 0; }
        #app > div > nav.w-0 { height: 0; }
        #app > div > nav ~ div { height: auto; min-height: 50vh; align-items: flex-start; }
        #app > div > nav ~ div .flex { flex-wrap: wrap; max-width: 100%; }
    }
    </style>"""


def write_run_report(workflow: Any, output: Path) -> None:
    """Write what `snakemake --report` writes for this run, but smaller and safe; atomically."""
    from snakemake.report.html_reporter import Reporter, ReportSettings
    from snakemake.settings.types import GlobalReportSettings
    from snakemake_interface_report_plugins.registry.plugin import Plugin

    def light(rules: Any, results: Any, *others: Any, **named: Any) -> Any:
        """Snakemake's reporter, without results that are too large or embedded already."""
        lighten(results, _WORDS)
        return Reporter(rules, results, *others, **named)

    try:
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / output.name
            workflow.create_report(
                Plugin(light, ReportSettings, "html"),
                ReportSettings(path=written),
                GlobalReportSettings(),
            )
            page = written.read_text(encoding="utf-8")
    finally:
        shutil.rmtree(_WORDS, ignore_errors=True)
    write_whole(output, harmless(page).encode())


def lighten(results: Mapping[Any, Mapping[Any, Sequence[Any]]], folder: Path) -> None:
    """Replace each result that is too large, or has the same bytes as one in the page, by a short
    text about it.

    results: by category and subcategory.  folder: where to write the texts.
    """
    held: dict[str, Path] = {}
    for subcategories in results.values():
        for result in chain.from_iterable(subcategories.values()):
            if result.size <= FEW:
                continue
            digest = file_sha256(result.path)
            if result.size > MOST:
                why = f"has {result.size / MB:,.1f} MB, too large for this page: open the file"
            elif digest in held:
                why = f"has the same bytes as {held[digest]}, which is in this page"
            else:
                held[digest] = result.path
                continue
            words = f"{result.path} {why}. Its SHA-256 is {digest}.\n"
            folder.mkdir(parents=True, exist_ok=True)
            result.path = folder / f"{result.path.name}.txt"
            result.path.write_text(words, encoding="utf-8")
            result.size, result.mime = len(words), "text/plain"


def harmless(page: str) -> str:
    """Make a report safe: no tag can begin in its data, and it makes no requests; adds _STYLE.

    In JSON, `\\u003c` is the character <. Raises RuntimeError for a page with another structure
    than Snakemake's, because its content would be unknown.
    """
    held = {name.split()[1] for name, _ in _DATA.findall(page)}
    if page.count(_HEAD) != 1 or not {"workflow_desc", "results", "rules"} <= held:
        raise RuntimeError("Snakemake's report has another structure; adapt run_report.py.")
    page = _DATA.sub(lambda line: line[1] + line[2].replace("<", "\\u003c"), page)
    page = page.replace(_HEAD, f"{_HEAD}\n    {_POLICY}")
    return page.replace("</head>", f"    {_STYLE}\n</head>", 1)
