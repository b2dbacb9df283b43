"""A real browser for tests: the Chromium of the system or the one that Playwright has fetched."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

ARTIFACTS = Path(__file__).parent.parent / "artifacts"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"wide": (1280, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
_HOW = "Chromium is missing: install it (apt install chromium, or playwright install chromium) or set CHROMIUM to it."


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips the test where there is no Chromium."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        except Error as error:
            pytest.skip(f"{_HOW} ({str(error).splitlines()[0]})")
        yield browser
        browser.close()


def open_page(browser: Browser, *, size: str = "wide", theme: str = "light", scripts: bool = True) -> Page:
    """A page of a new person. Whatever it logs as an error, or loads from elsewhere, is kept in `page.complaints`."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, java_script_enabled=scripts
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on(
        "console",
        lambda said: complaints.append(f"{said.type}: {said.text}") if _is_complaint(said) else None,
    )
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}") or dialog.dismiss())
    page.on(
        "request",
        lambda asked: complaints.append(f"elsewhere: {asked.url}") if _is_elsewhere(asked.url) else None,
    )
    page.complaints = complaints  # type: ignore[attr-defined]
    return page


def _is_complaint(said) -> bool:
    # A page that answers 4xx is logged too; tests look at statuses themselves.
    return said.type in ("error", "warning") and "Failed to load resource" not in said.text


def _is_elsewhere(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:", "about:"))


def keep_picture(page: Page, name: str) -> None:
    """A screenshot of the whole page in `tests/artifacts`."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)


def problems_of(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page as it stands."""
    axe = (Path(__file__).parent / "vendor" / "axe.min.js").read_text("utf-8")
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:160]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]
