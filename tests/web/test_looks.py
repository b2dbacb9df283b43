"""Every page in a real Chromium: wide and narrow, light and dark; seen by axe-core, measured, kept as pictures."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from playwright.sync_api import Browser, Page

from tests.servers.hub import PASSWORD, LiveHub
from tests.web.attacks import CARDS, MESSAGES, NAMES
from tests.web.chromium import SIZES, THEMES, chromium, keep_picture, open_page, problems_of

pytestmark = pytest.mark.client
MAX_TRANSFERRED = 150_000

CARD = """---
license: mit
pipeline_tag: text-classification
library_name: transformers
model-index:
- name: mood
  results:
  - task: {type: text-classification}
    dataset: {type: alice/looks-data, name: alice/looks-data, split: test}
    metrics: [{type: accuracy, name: accuracy, value: 0.87, args: {low: 0.86, high: 0.88}}]
---
# Mood

Says how a sentence feels. See [the data](/datasets/alice/looks-data).

## Code

```python
print("hello")
```

## Mathematics

$$ p = \\frac{1}{1 + e^{-x}} $$

| metric | value |
|---|--:|
| accuracy | 0.87 |

- [x] measured
"""
_WATCH_SHIFTS = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: 'layout-shift', buffered: true});
"""
# What Tab should stop at: of a group of radio buttons only the chosen one, of a closed menu only its button.
_COUNT_STOPS = """() => {
  const stops = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  return [...document.querySelectorAll(stops)].filter((element) =>
    element.checkVisibility({visibilityProperty: true}) && !element.disabled && element.tabIndex >= 0
    && !element.closest('details:not([open]) > :not(summary)')
    && !(element.type === 'radio' && !element.checked)).length;
}"""
_DESCRIBE_FOCUS = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  element.dataset.seen ??= String(document.querySelectorAll('[data-seen]').length);
  const shown = element.type === 'radio' && element.labels[0] ? element.labels[0] : element;
  const style = getComputedStyle(element.classList.contains('out-of-sight') ? shown : element);
  const isMarked = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
  return [element.dataset.seen, isMarked, element.outerHTML.slice(0, 120)];
}"""
PAGES = {
    "home": "/",
    "models": "/models",
    "models-narrowed": "/models?license=mit&sort=likes",
    "datasets": "/datasets",
    "spaces": "/spaces",
    "search": "/search?q=mood",
    "model": "/alice/looks",
    "versions": "/alice/looks/tags",
    "files": "/alice/looks/tree/main",
    "file-code": "/alice/looks/blob/main/code.py",
    "file-markdown": "/alice/looks/blob/main/README.md",
    "history": "/alice/looks/commits/main",
    "commit": "/alice/looks/commit/main",
    "edit": "/alice/looks/edit/main/code.py",
    "settings-of-model": "/alice/looks/settings",
    "dataset": "/datasets/alice/looks-data",
    "rows": "/datasets/alice/looks-data/viewer",
    "file-table": "/datasets/alice/looks-data/blob/main/train.csv",
    "upload": "/datasets/alice/looks-data/upload/main",
    "fly": "/datasets/alice/looks-data/fly",
    "flights": "/flights",
    "flight": "/flights/looks-flight",
    "profile": "/settings/profile",
    "tokens": "/settings/tokens",
    "new": "/new?kind=dataset",
    "account": "/alice",
    "docs": "/docs",
    "design": "/docs/design",
    "missing": "/nothing/here",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def filled(live_hub: LiveHub) -> LiveHub:
    """A model with a version, a dataset with rows, and a flight that has landed."""
    api = HfApi(endpoint=live_hub.url, token=live_hub.token("alice"))
    api.create_repo("alice/looks", exist_ok=True)
    files = {"README.md": CARD, "code.py": "def f(x):\n    return x  # a comment\n"}
    operations = [CommitOperationAdd(path, text.encode()) for path, text in files.items()]
    api.create_commit("alice/looks", operations=operations, commit_message="Add the model")
    api.create_tag("alice/looks", tag="v1", exist_ok=True)
    api.create_repo("alice/looks-data", repo_type="dataset", exist_ok=True)
    rows = "text,label,score\n" + "".join(
        f"Sentence {number},{'ab'[number % 2]},{number / 7:.3f}\n" for number in range(300)
    )
    api.upload_file(
        path_or_fileobj=rows.encode(),
        path_in_repo="train.csv",
        repo_id="alice/looks-data",
        repo_type="dataset",
    )
    _post_flight(live_hub)
    return live_hub


def _post_flight(hub: LiveHub) -> None:
    headers = {"Authorization": f"Bearer {hub.token('alice')}"}
    flights = f"{hub.url}/api/wingman/flights"
    about = {
        "id": "looks-flight",
        "task": "text-classification",
        "data": "alice/looks-data",
        "method": "full",
    }
    httpx.post(flights, json=about, headers=headers).raise_for_status()
    figure = {"value": 0.87, "low": 0.86, "high": 0.88}
    report = {
        "labels": ["a", "b"],
        "confusion": [[40, 3], [5, 52]],
        "metrics": {"accuracy": figure},
        "baseline": {"metrics": {"accuracy": {"value": 0.8, "low": 0.78, "high": 0.82}}},
        "mcnemar": {"words": "The fine-tuned model is better than the baseline."},
    }
    result = {
        "metrics": {"accuracy": figure},
        "baseline": {"accuracy": figure},
        "mcnemar_p": 0.001,
        "repo": None,
    }
    step = {"time": "2026-01-01T00:00:00.000Z", "step": "train"}
    events = [
        {**step, "step": None, "event": "flight_started"},
        {**step, "event": "step_started"},
        *({**step, "event": "metric", "name": "loss", "value": 1 / at, "at": at} for at in range(1, 40)),
        {**step, "event": "log", "message": "Epoch 1"},
        {**step, "event": "warning", "message": "A long row was cut."},
        {**step, "event": "step_finished", "seconds": 61.5, "summary": {"epochs": 3}},
        {**step, "step": None, "event": "flight_finished", "result": result},
    ]
    lines = "".join(json.dumps(event) + "\n" for event in events)
    httpx.post(f"{flights}/looks-flight/events", content=lines, headers=headers).raise_for_status()
    worst = [{"place": "row 3", "text": "Sentence 3", "label": "a", "prediction": "b", "confidence": 0.98}]
    for name, content in (
        ("report.json", json.dumps(report)),
        ("worst_rows.json", json.dumps(worst)),
        ("recipe.yaml", "format: 1\n"),
    ):
        httpx.put(f"{flights}/looks-flight/files/{name}", content=content, headers=headers).raise_for_status()


def sign_in(page: Page, hub: LiveHub, name: str = "alice") -> None:
    page.goto(f"{hub.url}/login")
    page.fill("#f-name", name)
    page.fill("#f-password", PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{hub.url}/")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
def test_every_page_at_this_size_and_theme(browser: Browser, filled: LiveHub, size: str, theme: str):
    page = open_page(browser, size=size, theme=theme)
    page.goto(f"{filled.url}/login")
    assert problems_of(page) == []
    sign_in(page, filled)

    wrong = {}
    for name, path in PAGES.items():
        page.goto(f"{filled.url}{path}", wait_until="load")
        found = problems_of(page)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"):
            found.append("the page is wider than the screen")
        wrong |= {name: found} if found else {}
        keep_picture(page, f"{name}-{size}-{theme}")

    assert wrong == {}
    assert page.complaints == []  # type: ignore[attr-defined]
    page.context.close()


def test_pages_are_light_and_do_not_shift(browser: Browser, filled: LiveHub):
    """What is transferred on a first visit, font and scripts included; and Chromium's own layout shift score."""
    heavy = {}
    for name in ("home", "models", "model", "dataset", "rows", "files", "flight", "design", "docs"):
        page = open_page(browser)
        sign_in(page, filled)
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        received: list[int] = []
        session.on(
            "Network.loadingFinished", lambda event, to=received: to.append(event["encodedDataLength"])
        )
        page.add_init_script(_WATCH_SHIFTS)
        page.goto(f"{filled.url}{PAGES[name]}", wait_until="networkidle")
        shift = page.evaluate("window.shift")
        if sum(received) > MAX_TRANSFERRED or shift > 0.01:
            heavy[name] = (sum(received), shift)
        page.context.close()

    assert heavy == {}


def test_hostile_content_does_nothing_in_a_real_browser(browser: Browser, filled: LiveHub):
    api = HfApi(endpoint=filled.url, token=filled.token("alice"))
    api.create_repo("alice/hostile", repo_type="dataset", exist_ok=True)
    cells = "text\n" + "".join(
        '"' + attack.replace('"', '""').replace("\n", " ") + '"\n' for attack in CARDS if "\0" not in attack
    )
    operations = [
        CommitOperationAdd(
            "README.md", ("---\nlicense: mit\n---\n" + "\n\n".join(CARDS).replace("\0", "")).encode()
        ),
        CommitOperationAdd("train.csv", cells.encode()),
        CommitOperationAdd(
            "evil.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script></svg>",
        ),
        CommitOperationAdd("evil.html", b"<script>document.title = 'owned'; alert(1)</script>"),
        *(CommitOperationAdd(f"files/{name.replace('/', '-')}", b"x") for name in NAMES),
    ]
    for message in MESSAGES:
        api.create_commit("alice/hostile", operations=operations, commit_message=message, repo_type="dataset")
        operations = [CommitOperationAdd("again.txt", message.encode())]
    page = open_page(browser)
    sign_in(page, filled)

    base = f"{filled.url}/datasets/alice/hostile"
    raw = ["/resolve/main/evil.svg", "/resolve/main/evil.html", "/raw/main/evil.html"]
    for below in (
        "",
        "/viewer",
        "/tree/main",
        "/tree/main/files",
        "/commits/main",
        "/commit/main",
        "/blob/main/evil.svg",
        "/blob/main/evil.html",
        "/blob/main/README.md",
        *raw,
    ):
        page.goto(f"{base}{below}", wait_until="load")
        page.wait_for_timeout(100)
        assert page.title() != "owned", below

    # The browser's own complaints about what the policy kept out are welcome; dialogs and requests are not.
    assert [said for said in page.complaints if said.startswith(("dialog", "elsewhere"))] == []  # type: ignore[attr-defined]
    page.context.close()


def test_everything_is_reached_by_keyboard_with_a_visible_focus(browser: Browser, filled: LiveHub):
    page = open_page(browser)
    sign_in(page, filled)
    for name in ("home", "models", "model", "dataset", "rows", "tokens", "flight"):
        page.goto(f"{filled.url}{PAGES[name]}")
        page.mouse.move(0, 0)
        wanted = page.evaluate(_COUNT_STOPS)
        seen, unmarked = set(), []
        for _ in range(wanted + 20):
            page.keyboard.press("Tab")
            state = page.evaluate(_DESCRIBE_FOCUS)
            if state is None:
                continue
            seen.add(state[0])
            if not state[1]:
                unmarked.append(state[2])

        assert unmarked == [], name
        assert len(seen) >= wanted, name
    page.context.close()


def test_the_jump_box_works_from_the_keyboard(browser: Browser, filled: LiveHub):
    page = open_page(browser)
    sign_in(page, filled)

    page.keyboard.press("/")
    page.keyboard.type("looks-data")
    page.wait_for_selector('#jump-list a:has-text("alice/looks-data")')
    page.keyboard.press("Enter")
    page.wait_for_url("**/datasets/alice/looks-data")

    page.keyboard.press("Control+k")
    page.keyboard.type("looks")
    assert page.locator("dialog.jump").is_visible()
    assert problems_of(page) == []
    page.keyboard.press("Escape")
    assert not page.locator("dialog.jump").is_visible()
    page.context.close()


def _names(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".repo-name").all_inner_texts()]


def test_results_follow_while_one_types_and_stay_in_the_address(browser: Browser, filled: LiveHub):
    page = open_page(browser)
    page.goto(f"{filled.url}/models")

    page.locator("#find-q").press_sequentially("looks")
    page.wait_for_url("**/models?q=looks")

    assert _names(page) == ["alice/looks"]
    assert page.locator("#find-q").input_value() == "looks"
    assert page.evaluate("document.activeElement.id") == "find-q"
    page.reload()
    assert _names(page) == ["alice/looks"]
    page.context.close()


def test_the_pages_work_with_scripts_off(browser: Browser, filled: LiveHub):
    page = open_page(browser, scripts=False)
    sign_in(page, filled)

    page.goto(f"{filled.url}/models?q=looks")
    page.click("text=alice/looks")
    page.click("text=Like")
    assert page.locator('.repo-head button[aria-pressed="true"]').count() == 1
    page.click('nav.tabs a:has-text("Files")')
    page.click("text=code.py")
    page.click("text=Edit")
    page.fill("#text", "def g(): pass\n")
    page.click("text=Commit to main")
    assert "def g" in page.locator("main").inner_text()
    page.goto(f"{filled.url}/datasets/alice/looks-data/upload/main")
    page.set_input_files(
        "#files", [{"name": "more.csv", "mimeType": "text/csv", "buffer": b"text,label\nx,a\n"}]
    )
    page.click("text=Upload and commit")
    page.goto(f"{filled.url}/datasets/alice/looks-data/tree/main")
    assert page.locator('.files .name:has-text("more.csv")').count() == 1
    page.context.close()


def test_the_theme_switch_is_remembered(browser: Browser, filled: LiveHub, tmp_path: Path):
    page = open_page(browser, theme="light")
    page.goto(f"{filled.url}/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.click('summary[aria-label="Appearance"]')
    page.click('button:has-text("Dark")')
    page.wait_for_selector('html[data-theme="dark"]')
    page.goto(f"{filled.url}/models")

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.context.close()
