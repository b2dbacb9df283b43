"""Home, the find pages and the jump box: what is found, how it is narrowed, and that all of it is in the address."""

import re
from collections.abc import Callable
from html import unescape

from tests.web.conftest import Browser
from wingman.hub.repos.model import Repo, RepoKind

Make = Callable[..., Repo]


def card(**facts: str) -> dict[str, str]:
    about = facts.pop("about", "")
    return {
        "README.md": "---\n"
        + "".join(f"{name}: {value}\n" for name, value in facts.items())
        + f"---\n# Card\n\n{about}"
    }


def names_in(html: str) -> list[str]:
    return re.findall(r'class="repo-name"><a href="/([^"]+)"', html)


def test_an_empty_hub_says_what_to_do_next(visitor: Browser):
    shown = unescape(re.sub(r"<[^>]+>", "", visitor.get("/").text))

    assert "HF_ENDPOINT=http://hub.test wingman starter" in shown


def test_home_shows_ones_own_and_what_is_new(as_alice: Browser, make_repo: Make):
    make_repo("mine")

    page = as_alice.get("/").text

    assert "alice/mine" in names_in(page)
    assert "Your flights" in page


def test_search_looks_into_names_and_cards(visitor: Browser, make_repo: Make):
    make_repo("mood", card(about="Sentiment of film reviews."))
    make_repo("other", card(about="Something else."))

    assert names_in(visitor.get("/models?q=FILM").text) == ["alice/mood"]
    assert names_in(visitor.get("/models?q=oth").text) == ["alice/other"]
    assert "Nothing fits" in visitor.get("/models?q=xyzzy").text


def test_facets_count_and_narrow(visitor: Browser, make_repo: Make):
    make_repo(
        "a",
        card(license="mit", pipeline_tag="text-classification", library_name="transformers", language="en"),
    )
    make_repo(
        "b",
        card(license="mit", pipeline_tag="token-classification", library_name="transformers", language="de"),
    )
    make_repo("c", card(license="apache-2.0", pipeline_tag="text-classification"))

    page = unescape(visitor.get("/models").text)
    narrowed = visitor.get("/models?task=text-classification&license=mit").text

    assert re.search(r'task=text-classification">Text classification.*?<span class="count">2<', page, re.S)
    assert re.search(r'license=mit">mit.*?<span class="count">2<', page, re.S)
    assert re.search(r'owner=alice">alice.*?<span class="count">3<', page, re.S)
    assert names_in(narrowed) == ["alice/a"]


def test_models_are_narrowed_by_size(visitor: Browser, make_repo: Make):
    make_repo("small")

    page = unescape(visitor.get("/models").text)

    assert re.search(r'size=under\+10\+MB">under 10 MB.*?<span class="count">1<', page, re.S)
    assert names_in(visitor.get("/models?size=under+10+MB").text) == ["alice/small"]
    assert names_in(visitor.get("/models?size=over+10+GB").text) == []


def test_a_language_is_called_by_its_name(visitor: Browser, make_repo: Make):
    make_repo("a", card(language="de"))

    assert re.search(r'language=de">German<span class="count">1<', unescape(visitor.get("/models").text))


def test_a_chosen_facet_leads_back_without_it(visitor: Browser, make_repo: Make):
    make_repo("a", card(license="mit", language="en"))

    page = unescape(visitor.get("/models?q=a&license=mit&sort=likes").text)

    assert re.search(r'<a href="/models\?q=a&sort=likes" aria-current="true"', page)


def test_datasets_have_facets_of_their_own(visitor: Browser, make_repo: Make):
    make_repo(
        "d",
        card(license="mit", size_categories="1K<n<10K", task_categories="[text-classification]"),
        kind=RepoKind.DATASET,
    )

    page = visitor.get("/datasets?size=1K%3Cn%3C10K").text

    assert names_in(page) == ["datasets/alice/d"]
    assert "1K to 10K" in page


def test_sorting_and_paging_keep_the_whole_state(visitor: Browser, make_repo: Make):
    for number in range(35):
        make_repo(f"model-{number:02d}")

    first = visitor.get("/models?q=model&sort=createdAt").text
    more = unescape(re.search(r'<a class="button" href="([^"]+)" rel="next">', first)[1])  # type: ignore[index]
    second = visitor.get(more).text

    assert "q=model" in more
    assert "sort=createdAt" in more
    assert names_in(first)[0] == "alice/model-34"
    assert names_in(first) + names_in(second) == [
        f"alice/model-{number:02d}" for number in reversed(range(35))
    ]


def test_nonsense_in_the_address_is_answered_not_crashed_on(visitor: Browser, make_repo: Make):
    make_repo("a")

    assert visitor.get("/models?sort=bogus").status_code == 200
    assert visitor.get("/models?cursor=garbage").status_code == 400
    assert visitor.get("/models?cursor=eyJhIjoxfQ==").status_code == 400
    assert visitor.get("/models?q=%ff%27%22&task=%27").status_code == 200
    assert visitor.get("/models?q=%00").status_code == 400


def test_the_jump_box_finds_by_name_first(visitor: Browser, make_repo: Make):
    make_repo("about-film", card(about="x"))
    make_repo("zebra", card(about="film"))

    answers = visitor.get("/search/jump.json?q=film").json()

    assert [answer["name"] for answer in answers] == ["alice/about-film", "alice/zebra"]
    assert answers[0]["href"] == "/alice/about-film"


def test_an_owners_page_lists_what_one_may_see(visitor: Browser, as_alice: Browser, make_repo: Make):
    make_repo("open")
    make_repo("closed", private=True)

    assert names_in(visitor.get("/alice").text) == ["alice/open"]
    assert set(names_in(as_alice.get("/alice").text)) == {"alice/open", "alice/closed"}
    assert visitor.get("/nobody-here").status_code == 404


def test_a_datasets_page_names_the_models_trained_on_it(visitor: Browser, make_repo: Make):
    make_repo("data", card(about="Rows."), kind=RepoKind.DATASET)
    make_repo("mood", card(datasets="[alice/data]", base_model="alice/base"))
    make_repo("hidden", card(datasets="[alice/data]", base_model="alice/base"), private=True)
    make_repo("base", card(about="A base."))

    dataset, base = visitor.get("/datasets/alice/data").text, visitor.get("/alice/base").text

    assert "Models trained on this" in dataset
    assert "Fine-tuned from this" in base
    for page in (dataset, base):
        assert '<a href="/alice/mood">' in page
        assert "alice/hidden" not in page
