"""Making repositories: what a new one holds before anybody has committed to it."""

import pytest

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.repos.card import parse_front_matter
from wingman.hub.repos.model import RepoKind


def first_card(hub: Hub, alice: Caller, **choices: object) -> str:
    repo = hub.repos.create(alice, name="new", **choices)
    data = hub.contents.open(repo, "main", "README.md").data
    assert data is not None
    return data.decode()


@pytest.mark.parametrize("licence", ["mit", "no: [yaml", "- a"])
def test_a_licence_is_stated_in_a_first_card(hub: Hub, alice: Caller, licence: str) -> None:
    card = first_card(hub, alice, kind=RepoKind.MODEL, licence=licence)

    assert parse_front_matter(card) == {"license": licence}


def test_a_space_says_what_runs_it(hub: Hub, alice: Caller) -> None:
    card = first_card(hub, alice, kind=RepoKind.SPACE, sdk="gradio", licence="mit")

    facts = {"title": "new", "sdk": "gradio", "app_file": "app.py", "pinned": False, "license": "mit"}
    assert parse_front_matter(card) == facts


def test_a_model_or_dataset_begins_without_a_card(hub: Hub, alice: Caller) -> None:
    repo = hub.repos.create(alice, kind=RepoKind.DATASET, name="new")

    _, entries = hub.contents.tree(repo, "main", recursive=True)
    assert [entry.path for entry in entries] == [".gitattributes"]
