"""What the files at a repository's head say about it."""

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
    assert facts.about == "Reviews A small model . See https://arxiv.org/abs/1706.03762."


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
