"""What the files at a repository's head say about it."""

import json
from itertools import pairwise

import pytest

from wingman.hub.repos.card import InvalidCard, card_problems, derive_facts, parse_front_matter, plain_words
from wingman.hub.repos.model import RepoKind

CARD = """---
license: apache-2.0
language: [en, de]
tags: [reviews]
datasets: me/data
base_model: me/base
created: 2024-01-02
---
# Reviews

A **small** [model](x). See https://arxiv.org/abs/1706.03762.
"""


def test_front_matter_becomes_json_values():
    assert parse_front_matter(CARD)["created"] == "2024-01-02"
    assert parse_front_matter("# no front matter\n---\nx: 1\n---") == {}
    assert parse_front_matter("---\n---\ntext") == {}
    assert parse_front_matter("\ufeff---\r\na: 1\r\n---\r\n") == {"a": 1}


@pytest.mark.parametrize(
    "text", ["---\na: [\n---\n", "---\n- a\n- b\n---\n", "---\n!!python/object:os.system x\n---\n"]
)
def test_front_matter_that_cannot_be_used(text: str):
    with pytest.raises(InvalidCard):
        parse_front_matter(text)


def test_a_models_tags_come_from_card_configuration_and_files():
    facts = derive_facts(
        RepoKind.MODEL,
        files={
            "README.md": CARD.encode(),
            "config.json": b'{"architectures": ["BertForSequenceClassification"], "model_type": "bert"}',
        },
        paths=["model.safetensors", "onnx/model.onnx", "config.json"],
        used_bytes=10,
    )

    assert (facts.library_name, facts.pipeline_tag, facts.used_bytes) == (
        "transformers",
        "text-classification",
        10,
    )
    assert set(facts.tags) == {
        "transformers",
        "text-classification",
        "safetensors",
        "onnx",
        "bert",
        "en",
        "de",
        "dataset:me/data",
        "base_model:me/base",
        "license:apache-2.0",
        "reviews",
        "arxiv:1706.03762",
        "region:us",
    }
    assert facts.about == "A small model. See https://arxiv.org/abs/1706.03762.\nReviews"


def test_a_dataset_names_its_formats():
    facts = derive_facts(RepoKind.DATASET, files={}, paths=["a.csv", "b.parquet"], used_bytes=0)

    assert {"format:csv", "format:parquet"} <= set(facts.tags)


def test_a_broken_card_does_not_stop_a_commit():
    facts = derive_facts(
        RepoKind.MODEL, files={"README.md": b"---\na: [\n---\n", "config.json": b"{"}, paths=[], used_bytes=0
    )

    assert facts.card == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("---\na: [\n---\n", "Invalid YAML"),
        ("---\nlicense: Not A Licence!\n---\n", '"license"'),
        ("---\nmodel-index: {}\n---\n", '"model-index" must be an array'),
        (
            "---\nmodel-index: [{name: x, results: [{}]}]\n---\n",
            '"model-index[0].results[0].task" is required',
        ),
    ],
)
def test_the_upload_check_says_what_is_wrong(text: str, told: str):
    errors, _ = card_problems(text, RepoKind.MODEL)

    assert any(told in error for error in errors)


def test_an_empty_card_is_only_a_warning():
    assert card_problems("# Hello", RepoKind.MODEL) == ([], ["empty or missing yaml metadata in repo card"])


def test_markup_is_left_out_of_the_words_for_searching():
    assert plain_words("---\na: 1\n---\n```code```<b>Bold</b> <!-- no -->![x](y) | a | b |") == "Bold a b"


@pytest.mark.parametrize(
    ("readme", "summary"),
    [
        (
            "# triage-nli\n\nZero-shot triage of **incoming** mail.\n\n## More\n\ntext",
            "Zero-shot triage of incoming mail.",
        ),
        ("# Title\nRight below, with snake_case and `code`.", "Right below, with snake_case and code."),
        ("<p align=center>\n<img src=x>\n</p>\n\n[![b](u)](v)\n\n- a list\n\nThen words.", "Then words."),
        ("# Only\n\n| a | b |\n|---|---|\n", "Only a b"),
        ("```sh\npip install x\n\nexit\n```\n\nAfter the code.", "After the code."),
    ],
)
def test_a_list_shows_the_first_paragraph_of_a_card(readme: str, summary: str):
    facts = derive_facts(RepoKind.MODEL, files={"README.md": readme.encode()}, paths=[], used_bytes=0)

    assert facts.summary == summary


def test_the_words_around_the_first_paragraph_are_searched_too():
    words = plain_words("# Heron\n\nA small model.\n\n## Limits\n\nNot for letters.")

    assert words == "A small model.\nHeron Limits Not for letters."


_NINE = ",".join(["*{}"] * 9)
_LAUGHS = "a: &a [1,2,3,4,5,6,7,8,9]\n" + "".join(
    f"{name}: &{name} [{_NINE.replace('{}', before)}]\n" for before, name in pairwise("abcdefghijk")
)
_MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{link}: &a{link} {{<<: [*a{link - 1}, *a{link - 1}]}}\n" for link in range(1, 40)
)


@pytest.mark.parametrize(
    "yaml",
    [
        _LAUGHS,
        _MERGES,
        "a: &a [*a]\n",
        "a: " + "[" * 3000 + "\n",
        "a: " + "{a: " * 500 + "}" * 500 + "\n",
        "a: " + "9" * 6000 + "\n",
        "a: 0x" + "f" * 6000 + "\n",
        "a: " + "1:" * 3000 + "1\n",
        "a: 2020-99-99\n",
        "a: !!int x\n",
        "a: !!bool x\n",
        "a: !!timestamp x\n",
        "a: !!python/object/apply:os.getcwd []\n",
        "a: " + "x" * 300_000 + "\n",
    ],
    ids=lambda text: text[:24],
)
def test_front_matter_that_cannot_be_kept_is_an_error_of_the_card(yaml):
    with pytest.raises(InvalidCard):
        parse_front_matter(f"---\n{yaml}---\n")


def test_front_matter_may_merge_mappings():
    assert parse_front_matter("---\na: &a {x: 1}\nb: {<<: *a, y: 2}\n---\n")["b"] == {"x": 1, "y": 2}


def test_front_matter_becomes_plain_json():
    yaml = (
        "n: .nan\ni: -.inf\nbig: 99999999999999999999\n2020-01-01: 2021-02-03\n1: {true: a}\n"
        'z: "a\\0b"\ns: "\\ud800"\n'
    )

    card = parse_front_matter(f"---\n{yaml}---\n")

    assert card == {
        "n": "nan",
        "i": "-inf",
        "big": "99999999999999999999",
        "2020-01-01": "2021-02-03",
        "1": {"true": "a"},
        "z": "a\ufffdb",
        "s": "?",
    }
    json.dumps(card, allow_nan=False)


def test_facts_are_derived_from_any_files():
    readme = (
        b"---\ntags: [[1], {a: b}, null, 1, ok]\npipeline_tag: [x]\nlibrary_name: {a: b}\nlicense: {}\n---\n"
        + b"<" * 99_999
    )
    for config in (
        b"[" * 99_999,
        b'{"model_type": "\\ud800"}',
        b'{"model_type": "a\\u0000b", "architectures": [NaN]}',
    ):
        files = {"README.md": readme, "config.json": config}
        facts = derive_facts(RepoKind.MODEL, files=files, paths=[], used_bytes=0)
        assert "ok" in facts.tags
        assert not any("\0" in tag for tag in facts.tags)


def test_a_card_with_endless_tags_keeps_the_first():
    readme = f"---\ntags: [{','.join(f't{number}' for number in range(5000))}]\n---\n".encode()

    facts = derive_facts(RepoKind.MODEL, files={"README.md": readme}, paths=[], used_bytes=0)

    assert len(facts.tags) <= 1001
