"""Cards: what they may look like, and the corpus of attacks that must come to nothing."""

import time

import pytest

from tests.web.attacks import CARDS
from tests.web.conftest import active_parts
from wingman.hub.web.highlighting import MAX_HIGHLIGHTED_CHARACTERS, highlight_block
from wingman.hub.web.markdown import Place, render_markdown

PLACE = Place(files_at="/alice/model/blob/main", raw_at="/alice/model/resolve/main")


def html_of(text: str) -> str:
    return render_markdown(text, PLACE).html


@pytest.mark.parametrize("attack", CARDS)
def test_no_attack_leaves_anything_that_runs(attack: str):
    html = html_of(f"before\n\n{attack}\n\nafter")

    assert active_parts(html) == []


def test_ids_and_classes_of_a_card_cannot_take_the_place_of_the_pages_own():
    html = html_of('<div id="main" class="button primary">x</div>\n\n[to](#main)')

    assert 'id="c-main"' in html
    assert 'href="#c-main"' in html
    assert "button" not in html


@pytest.mark.parametrize("source", ["https://[x", "//[x", "http://", "https://[::1", "[", "https://x:y/z"])
def test_an_address_that_is_none_does_not_keep_a_card_from_being_shown(source: str):
    assert "Still here" in html_of(f'<img src="{source}"> ![a]({source}) [b]({source})\n\nStill here')


def test_a_picture_without_words_is_called_by_its_file():
    assert 'alt="loss curve.png"' in html_of('<img src="plots/loss%20curve.png">')
    assert 'alt=""' in html_of('<img src="line.png" alt="">')
    assert 'alt="A curve"' in html_of('<img src="line.png" alt="A curve">')


def test_pictures_from_other_sites_become_links():
    html = html_of("![Our logo](https://elsewhere.example/logo.png)")

    assert "<img" not in html
    assert '<a href="https://elsewhere.example/logo.png"' in html
    assert "Our logo" in html


def test_relative_links_lead_to_files_and_pictures_to_their_bytes():
    html = html_of("[more](docs/more.md#part) ![plot](evaluation/a%20b.svg) [up](../../../etc)")

    assert 'href="/alice/model/blob/main/docs/more.md#c-part"' in html
    assert 'src="/alice/model/resolve/main/evaluation/a%20b.svg"' in html
    assert 'href="/alice/model/blob/main/etc"' in html


def test_headings_get_anchors_and_a_contents_list():
    card = render_markdown("# One\n\n## Two *words*\n\n## Two words\n", PLACE)

    assert [(heading.level, heading.anchor, heading.text) for heading in card.headings] == [
        (1, "c-one", "One"),
        (2, "c-two-words", "Two words"),
        (2, "c-two-words-1", "Two words"),
    ]
    assert 'id="c-two-words-1"' in card.html


def test_front_matter_is_not_shown():
    assert html_of("---\nlicense: mit\n---\n# Title").strip() == html_of("# Title").strip()


def test_mathematics_becomes_mathml_and_what_is_too_long_stays_as_written():
    assert "<mfrac>" in html_of(r"$\frac{a}{b}$")
    assert 'display="block"' in html_of("$$x^2$$")
    assert f"<code>{'x' * 3000}</code>" in html_of(f"${'x' * 3000}$")


def test_code_is_highlighted_with_classes_alone():
    html = html_of("```python\ndef f(): pass\n```")

    assert '<span class="k">def</span>' in html
    assert "style=" not in html


def test_tables_task_lists_and_footnotes_are_understood():
    html = html_of("| a |\n|--:|\n| 1 |\n\n- [x] done\n\nnote[^1]\n\n[^1]: said")

    assert '<td class="to-right">1</td>' in html
    assert 'type="checkbox"' in html
    assert "disabled" in html
    assert 'id="c-fn1"' in html


def test_a_card_with_200_headings_is_rendered_quickly():
    text = "\n\n".join(
        f"## Heading {number}\n\nSome *words* and `code`, $x_{{{number}}}$." for number in range(200)
    )

    started = time.perf_counter()
    card = render_markdown(text, PLACE)

    assert len(card.headings) == 200
    assert time.perf_counter() - started < 2.0  # 0.1 s on a quiet machine


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("easytrieve", "\t" * 950 + "\n"),
        ("autoit", " " * 4800 + "\n"),
        ("fan", "a" * 4800 + "\n"),
        ("matlab", "\n"),
        ("python", "a" * 4800 + "\n"),
        ("java", "a " * 499 + "\n"),
        ("markdown", "```easytrieve\n" + "\t" * 950 + "\n```\n"),
        ("postgresql", "$$" + "\t" * 950 + "$$ LANGUAGE easytrieve;\n"),
    ],
    ids=lambda text: text[:10].strip() or "blank",
)
def test_code_made_to_be_slow_gets_no_colours(language: str, text: str):
    """Pygments takes hours for some of these, and nothing else in the process goes on meanwhile."""
    code = (text * (MAX_HIGHLIGHTED_CHARACTERS // len(text)))[:MAX_HIGHLIGHTED_CHARACTERS]
    started = time.thread_time()

    highlight_block(code, language)

    assert time.thread_time() - started < 3.0


def test_a_card_full_of_slow_code_is_given_up_on():
    blocks = f"~~~java\n{('a ' * 499 + chr(10)) * 50}~~~\n\n" * 10
    started = time.thread_time()

    html_of(blocks)

    assert time.thread_time() - started < 6.0


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "*" * 50_000,
        "> " * 20_000,
        "$" * 20_000,
        "`" * 50_000,
        "<div>" * 20_000,
        "- " * 5_000 + "x",
        "$" + "{" * 1900 + "$",
    ],
    ids=["brackets", "stars", "quotes", "dollars", "ticks", "divs", "lists", "braces"],
)
def test_text_made_to_be_slow_is_not(text: str):
    started = time.perf_counter()
    html_of(text)

    assert time.perf_counter() - started < 5.0
