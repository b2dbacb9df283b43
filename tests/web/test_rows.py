"""The rows of a dataset in the browser, without scripts: splits, pages, sort, search, statistics, hostile cells."""

import csv
import io
import re
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.web.attacks import CARDS, NAMES
from tests.web.conftest import active_parts
from wingman.hub.repos.model import RepoKind
from wingman.hub.web import previews

VIEWER = "/datasets/alice/reviews/viewer"


def as_csv(rows: list[list[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def reviews(make_repo):
    """Six hundred rows to train on and three to test on."""
    rows = [[f"review number {number}", number % 5, "joy" if number % 3 else "woe"] for number in range(600)]
    files = {
        "train.csv": as_csv([["text", "stars", "label"], *rows]),
        "test.csv": "text,stars,label\na,1,joy\nb,2,woe\nc,,joy\n",
    }
    return make_repo("reviews", files, kind=RepoKind.DATASET)


def cells(html: str) -> list[list[str]]:
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    return [re.findall(r'<div class="cell">(.*?)</div>', row, re.DOTALL) for row in body.split("<tr>")[1:]]


def test_the_first_rows_and_what_each_column_holds(reviews, visitor):
    page = visitor.get(VIEWER)

    assert page.status_code == 200
    assert cells(page.text)[0] == ["review number 0", "0", "woe"]
    assert len(cells(page.text)) == 50
    assert "600 rows" in page.text
    assert page.text.count('<svg class="chart"') == 3
    assert active_parts(page.text) == []


def _with_rows(visitor, address: str) -> str:
    """A page does not wait for the first reading of a table; a browser asks again, and so do we."""
    page = visitor.get(address).text
    for _ in range(100):
        if "data-later" not in page:
            break
        time.sleep(0.1)
        page = visitor.get(address).text
    return page


def test_a_datasets_page_begins_with_its_first_rows(reviews, visitor):
    page = _with_rows(visitor, "/datasets/alice/reviews")

    assert cells(page)[0] == ["review number 0", "0", "woe"]
    assert "600 rows, 3 columns" in page
    assert f'href="{VIEWER}"' in page


def test_a_table_among_a_models_files_is_shown_as_rows(make_repo, visitor):
    make_repo("mood", {"evaluation/predictions.csv": "text,guess\nfine,joy\n"})

    page = _with_rows(visitor, "/alice/mood/blob/main/evaluation/predictions.csv")

    assert cells(page) == [["fine", "joy"]]
    assert "/alice/mood/viewer?file=evaluation/predictions.csv" in page


def test_a_table_that_cannot_be_read_does_not_keep_the_card_from_being_read(make_repo, visitor):
    files = {"README.md": "# Reviews\n\nStill here.\n", "train.parquet": b"PAR1 no PAR1"}
    make_repo("reviews", files, kind=RepoKind.DATASET)

    page = _with_rows(visitor, "/datasets/alice/reviews")

    assert "Still here." in page
    assert "Not shown unasked" in page


def test_a_large_table_is_read_only_for_whoever_opens_it(reviews, visitor, monkeypatch):
    monkeypatch.setattr(previews, "MAX_PREVIEW_BYTES", 100)

    assert cells(visitor.get("/datasets/alice/reviews").text) == []
    assert len(cells(visitor.get(VIEWER).text)) == 50


def test_a_long_cell_is_whole_and_can_be_opened(make_repo, visitor):
    text = "word " * 200
    make_repo("reviews", {"train.csv": as_csv([["text"], [text]])}, kind=RepoKind.DATASET)

    page = visitor.get(VIEWER).text

    assert f'<details class="long"><summary><div class="cell">{text}</div></summary></details>' in page


def test_every_state_is_an_address(reviews, visitor):
    assert cells(visitor.get(f"{VIEWER}?from=550").text)[-1][0] == "review number 599"
    assert cells(visitor.get(f"{VIEWER}?sort=stars&order=desc").text)[0][1] == "4"
    assert [row[0] for row in cells(visitor.get(f"{VIEWER}?q=number+59").text)][:2] == [
        "review number 59",
        "review number 590",
    ]
    assert len(cells(visitor.get(f"{VIEWER}?file=test.csv").text)) == 3


def test_links_lead_through_all_pages(reviews, visitor):
    address, seen = VIEWER, []
    while address:
        html = visitor.get(address).text
        seen += [row[0] for row in cells(html)]
        following = re.search(r'href="([^"]+)" rel="next"', html)
        address = following[1].replace("&amp;", "&") if following else ""

    assert seen == [f"review number {number}" for number in range(600)]


@pytest.mark.parametrize(
    "query", ["from=999999999", "from=x", "sort=nothing", "order=up", "q=%00", "q=" + "a" * 5000, "from=-5"]
)
def test_odd_questions_are_answered(reviews, visitor, query):
    assert visitor.get(f"{VIEWER}?{query}").status_code in (200, 400)


def test_a_file_that_is_no_table_is_missing(reviews, visitor):
    assert visitor.get(f"{VIEWER}?file=../../hub.db").status_code == 404


def test_cells_and_column_names_with_code_are_only_text(make_repo, visitor):
    names = [name[:60] for name in NAMES]
    table = pa.table([[text.replace("\0", "") for text in CARDS] for _ in names], names=names)
    make_repo("reviews", {"train.parquet": as_parquet(table)}, kind=RepoKind.DATASET)

    for query in ("", "?from=50", "?q=alert", *(f"?sort={number}" for number in range(2))):
        page = visitor.get(VIEWER + query)
        assert page.status_code == 200
        assert active_parts(page.text) == []
    assert "&lt;script&gt;alert(1)" in visitor.get(VIEWER).text


def test_file_names_with_code_are_only_text(make_repo, visitor):
    files = {f"{name.replace('/', '-')}.csv": f"a\n{number}\n" for number, name in enumerate(NAMES)}
    make_repo("reviews", files, kind=RepoKind.DATASET)

    page = visitor.get(VIEWER)

    assert page.status_code == 200
    assert active_parts(page.text) == []


def test_a_damaged_table_says_why(make_repo, visitor):
    make_repo("reviews", {"train.parquet": b"PAR1 no PAR1"}, kind=RepoKind.DATASET)

    page = visitor.get(VIEWER)

    assert page.status_code == 422
    assert "cannot be read as a table" in page.text
    assert "/tmp" not in page.text


def test_configurations_and_splits_have_names(make_repo, visitor):
    card = (
        "---\nconfigs:\n- config_name: english\n  data_files: en.csv\n- config_name: german\n  data_files:\n"
    )
    card += "  - split: train\n    path: de1.csv\n  - split: test\n    path: de2.csv\n---\n"
    make_repo(
        "reviews",
        {"README.md": card, "en.csv": "a\n1\n", "de1.csv": "a\n2\n", "de2.csv": "a\n3\n"},
        kind=RepoKind.DATASET,
    )

    page = visitor.get(f"{VIEWER}?file=de2.csv").text

    assert "english" in page
    assert "german" in page
    assert cells(page) == [["3"]]


def test_the_rows_of_a_private_dataset_are_for_its_owner(make_repo, visitor, as_alice):
    make_repo("reviews", {"train.csv": "a\nsecret\n"}, kind=RepoKind.DATASET, private=True)
    assert "secret" in as_alice.get(VIEWER).text

    assert visitor.get(VIEWER).status_code == 404
