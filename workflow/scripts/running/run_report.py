"""Snakemake's own report of a run, in which nothing from config or data is markup; fit for a phone.

Snakemake puts every result into the page whole: the model of 500 symbols, twice, made 13.5 of its
16.7 MB. What is so large is named instead, with its size and SHA-256, and so is what the page holds
already: people open both in results/.

Snakemake writes what it knows into the page's scripts as JSON that it does not escape, so that a
`</script>` in a title or in the name of a file would end the script and begin markup. It renders
captions as reStructuredText, so that markup of that in a title would be markup, too: the captions
escape what they take from config.
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
"""Bytes of a result that the page holds."""

FEW = 10_000
"""Bytes of a result that the page may hold twice."""

_WORDS = Path(".snakemake") / "words"
"""Where the words on these are meanwhile; the page names it."""

_DATA = re.compile(r"^(    var \w+ = )(.*;)$", re.MULTILINE)
"""The lines of the page that hold JSON, each on one line, as Snakemake's template has them."""

_HEAD = '<meta charset="utf-8">'
_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data:; frame-src data:; base-uri 'none'; form-action 'none'\">"
)
"""The page holds all that it needs; whatever is in it, no request leaves it."""

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
    """Write what `snakemake --report` writes of the run at hand, but light and harmless, whole."""
    from snakemake.report.html_reporter import Reporter, ReportSettings
    from snakemake.settings.types import GlobalReportSettings
    from snakemake_interface_report_plugins.registry.plugin import Plugin

    def light(rules: Any, results: Any, *others: Any, **named: Any) -> Any:
        """Snakemake's reporter of pages, but for what is too large, or is there already."""
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
    """Let each result of Snakemake's report that is too large, or has the same bytes as one that
    the page holds, be a few words on what it is.

    results: by category and subcategory.  folder: where to write the words.
    """
    held: dict[str, Path] = {}
    for subcategories in results.values():
        for result in chain.from_iterable(subcategories.values()):
            if result.size <= FEW:
                continue
            digest = file_sha256(result.path)
            if result.size > MOST:
                why = f"has {result.size / MB:,.1f} MB, too many for this page: open it there"
            elif digest in held:
                why = f"is the same bytes as {held[digest]}, which is in this page"
            else:
                held[digest] = result.path
                continue
            words = f"{result.path} {why}. Its SHA-256 is {digest}.\n"
            folder.mkdir(parents=True, exist_ok=True)
            result.path = folder / f"{result.path.name}.txt"
            result.path.write_text(words, encoding="utf-8")
            result.size, result.mime = len(words), "text/plain"


def harmless(page: str) -> str:
    """A report in whose data no tag can begin, and from which no request can leave; see _STYLE.

    In JSON, `\\u003c` is the character <. Raises RuntimeError for a page that is not built as
    Snakemake's are, for then nobody knows what is in it.
    """
    held = {name.split()[1] for name, _ in _DATA.findall(page)}
    if page.count(_HEAD) != 1 or not {"workflow_desc", "results", "rules"} <= held:
        raise RuntimeError("Snakemake's report is not built as it was; look at run_report.py.")
    page = _DATA.sub(lambda line: line[1] + line[2].replace("<", "\\u003c"), page)
    page = page.replace(_HEAD, f"{_HEAD}\n    {_POLICY}", 1)
    return page.replace("</head>", f"    {_STYLE}\n</head>", 1)
