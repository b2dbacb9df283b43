"""Links between the documents lead somewhere, also without a network."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_or_heading_leads_somewhere(page: Path):
    broken = [link for link in links(page) if not leads_somewhere(page, link)]

    assert broken == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/**/*.md")), ids=lambda page: page.name)
def test_every_page_begins_with_its_title(page: Path):
    assert page.read_text("utf-8").startswith("# ")


def test_the_documents_show_no_picture_from_elsewhere():
    pictures = {
        (page.name, link)
        for page in PAGES
        for link in re.findall(r"(?:!\[[^\]]*\]\(|<img[^>]*src=\")([^)\"\s]+)", page.read_text("utf-8"))
        if urlsplit(link).scheme
    }

    assert pictures == set()


def links(page: Path) -> list[str]:
    return LINK.findall(FENCE.sub("", page.read_text("utf-8")))


def leads_somewhere(page: Path, link: str) -> bool:
    """Addresses elsewhere are not asked; ours must exist, and so must the heading they name."""
    parts = urlsplit(link)
    if parts.scheme:
        return True
    target = page if not parts.path else (page.parent / unquote(parts.path)).resolve()
    if not target.exists():
        return False
    return not parts.fragment or target.suffix != ".md" or parts.fragment in headings(target)


def headings(page: Path) -> set[str]:
    """The anchors that a renderer gives to headings: lower case, words joined by hyphens."""
    titles = re.findall(r"^#+ +(.+?)\s*$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
