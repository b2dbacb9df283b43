"""The first day of a person with a new Hub, walked in a real Chromium from the first start to the sign-out."""

import csv
import io
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from playwright.sync_api import Browser, Page, expect

from tests.serve.tiny_model import write_tiny_model
from tests.servers.hub import LiveHub
from tests.web.chromium import chromium, keep_picture, open_page, problems_of

pytestmark = [pytest.mark.client, pytest.mark.slow]
PASSWORD = "a password of my own"
FLIGHT_MS = 400_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def new_hub(tmp_path: Path) -> Iterator[LiveHub]:
    """Nobody has an account on it yet: its first start makes the administrator."""
    hub = LiveHub(tmp_path / "home", settings={"HF_HOME": str(tmp_path / "hf")}, seed={"users": []})
    yield hub
    hub.stop()


def reviews() -> bytes:
    """A set that is easy to learn: the words decide."""
    words = random.Random(0)
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["text", "label"])
    good, bad = ("good", "great", "fine", "happy"), ("bad", "poor", "dull", "sad")
    for number in range(400):
        label, pool = ("positive", good) if number % 2 else ("negative", bad)
        rows.writerow([f"the film number {number} was {words.choice(pool)} and {words.choice(pool)}", label])
    return out.getvalue().encode()


@pytest.mark.timeout(900)
def test_the_first_day(browser: Browser, new_hub: LiveHub, tmp_path: Path):
    page = open_page(browser)
    page.set_default_timeout(30_000)

    first_start(page, new_hub)
    make_a_dataset_by_dropping_a_file(page, new_hub)
    look_at_its_rows(page)
    flight = fly_from_its_page(page, new_hub, tmp_path)
    read_the_result(page, flight)
    try_the_model(page)
    token = make_a_token(page, new_hub)
    use_the_pasted_snippet(page, new_hub, token)
    sign_out(page, new_hub)

    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()


def step_seen(page: Page, name: str) -> None:
    keep_picture(page, f"walk-{name}")
    assert problems_of(page) == []


def first_start(page: Page, hub: LiveHub) -> None:
    """The link that the Hub printed leads to a form for a password."""
    token = (hub.home / "admin-token").read_text().strip()
    page.goto(f"{hub.url}/login/first?token={token}")
    step_seen(page, "01-first-start")
    page.fill("#f-password", PASSWORD)
    page.fill("#f-again", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{hub.url}/")
    expect(page.locator("main")).to_contain_text("Nothing has landed here yet")
    step_seen(page, "02-empty-hub")


def make_a_dataset_by_dropping_a_file(page: Page, hub: LiveHub) -> None:
    page.click("text=Make a dataset from a file")
    page.fill("#f-name", "reviews")
    page.click("text=Create the dataset")
    page.wait_for_url(f"{hub.url}/datasets/admin/reviews/upload/main")
    drop = """(data) => {
      const carried = new DataTransfer();
      carried.items.add(new File([data], 'reviews.csv', {type: 'text/csv'}));
      const area = document.querySelector('[data-drop]');
      for (const kind of ['dragenter', 'dragover', 'drop'])
        area.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
    }"""
    page.evaluate(drop, reviews().decode())
    expect(page.locator("[data-upload-list]")).to_contain_text("reviews.csv")
    step_seen(page, "03-dropped")
    page.click("text=Upload and commit")
    page.wait_for_url(f"{hub.url}/datasets/admin/reviews")


def look_at_its_rows(page: Page) -> None:
    page.click("text=All rows")
    expect(page.locator("main")).to_contain_text("400 rows")
    page.fill("#rows-q", "number 317")
    page.press("#rows-q", "Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    step_seen(page, "04-rows")
    page.click('nav.tabs a:has-text("Card")')


def fly_from_its_page(page: Page, hub: LiveHub, tmp_path: Path) -> str:
    """The base is a tiny model, so that the flight takes no longer than it must."""
    api = HfApi(endpoint=hub.url, token=(hub.home / "admin-token").read_text().strip())
    api.create_repo("admin/tiny")
    folder = tmp_path / "tiny"
    write_tiny_model(folder, labels=("negative", "positive"))
    api.upload_folder(repo_id="admin/tiny", folder_path=folder)
    card = b"---\nlibrary_name: transformers\npipeline_tag: fill-mask\nlicense: mit\n---\n# tiny\n"
    api.upload_file(repo_id="admin/tiny", path_in_repo="README.md", path_or_fileobj=card)

    page.click("text=Fly a model from this")
    page.select_option("#f-base", "admin/tiny")
    page.fill("#f-to", "admin/mood")
    page.click("text=More choices")
    page.fill("#f-epochs", "2")
    page.click("text=Dry run first")
    expect(page.locator("#plan")).to_be_visible(timeout=120_000)
    expect(page.locator("main")).to_contain_text("to train")
    step_seen(page, "05-dry-run")
    page.click('button[value="fly"]')
    page.wait_for_url("**/flights/*")
    expect(page.locator(".steps")).to_contain_text("train")
    step_seen(page, "06-flying")
    return page.url


def read_the_result(page: Page, flight: str) -> None:
    """The page draws itself anew until the flight has ended, and then shows the evaluation."""
    assert page.url == flight
    expect(page.locator("#evaluation, .notice.bad").first).to_be_visible(timeout=FLIGHT_MS)
    assert page.locator(".notice.bad").all_inner_texts() == []
    expect(page.locator("main")).to_contain_text("Published as")
    expect(page.locator(".confusion tbody tr")).to_have_count(2)
    expect(page.locator("#recipe")).to_be_visible()
    step_seen(page, "07-landed")


def try_the_model(page: Page) -> None:
    page.click('.notice a:has-text("admin/mood")')
    page.fill("#try-text", "the film was good and great")
    page.click("[data-try] button")
    expect(page.locator("[data-try-answer] progress")).to_have_count(2, timeout=120_000)
    step_seen(page, "08-tried")


def make_a_token(page: Page, hub: LiveHub) -> str:
    page.goto(f"{hub.url}/settings/tokens")
    page.fill("#f-name", "my laptop")
    page.click("text=Create the token")
    secret = page.locator(".notice.good code").first.inner_text().strip()
    step_seen(page, "09-token")
    assert secret.startswith("hf_")
    page.goto(f"{hub.url}/settings/tokens")
    assert secret not in page.content()
    return secret


def use_the_pasted_snippet(page: Page, hub: LiveHub, token: str) -> None:
    """Copied with the page's own button, run as it is."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{hub.url}/admin/mood")
    page.click('label:has-text("InferenceClient")')
    page.click('button[aria-label="Copy: InferenceClient"]')
    expect(page.locator(".toast")).to_have_text("Copied")
    code = page.evaluate("navigator.clipboard.readText()")

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=hub.environ | {"HF_TOKEN": token}
    )

    assert done.returncode == 0, done.stderr
    assert re.search(r"label='(positive|negative)'", done.stdout)


def sign_out(page: Page, hub: LiveHub) -> None:
    page.click('summary[aria-label="Your account"]')
    page.click("text=Sign out")
    page.wait_for_url(f"{hub.url}/")
    expect(page.locator("header")).to_contain_text("Sign in")
    page.goto(f"{hub.url}/settings/tokens")
    assert "/login" in page.url
    step_seen(page, "10-signed-out")
