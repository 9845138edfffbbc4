"""Debian's chromium, driven by Playwright, to see pages as people see them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Flags that keep the browser from making requests of its own."""

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


PATIENCE = 120_000
"""Milliseconds to wait for a page to react: the machine may be busy."""


@dataclass
class Opened:
    """A page, and what went wrong while it was open."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def browser() -> Iterator[Browser]:
    """The machine's chromium, headless."""
    program = shutil.which("chromium")
    assert program, "there is no chromium; on Debian: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(QUIET))
        yield started
        started.close()


@contextmanager
def opened(browser: Browser, file: Path, **how: object) -> Iterator[Opened]:
    """Open a file in a window of its own; `how` goes to Playwright's `new_context`."""
    context = browser.new_context(**({"viewport": DESKTOP} | how))
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    found = Opened(page)
    page.on("console", lambda said: found.complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (found.complaints.append("a dialog"), dialog.dismiss()))
    page.on("request", lambda request: found.requests.append(request.url))
    page.goto(file.as_uri())
    yield found
    context.close()


HEARS = """one => {
    const heard = { click: false };
    one.addEventListener("click", () => { heard.click = true; }, { once: true });
    return heard;
}"""


def press(target: Locator) -> None:
    """Click until the target receives it, as a person would.

    A target gets no click if it moves away between mouse down and mouse up, such as while a menu
    unfolds or a page scrolls smoothly.
    """
    for _ in range(10):
        heard = target.evaluate_handle(HEARS)
        target.click()
        if heard.evaluate("heard => heard.click"):
            return
    raise AssertionError(f"{target} keeps moving")
