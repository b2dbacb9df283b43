"""What the cards of base and data say about the model made from them."""

import doctest

import pytest

from wingman.lab import licences
from wingman.lab.errors import RecipeError
from wingman.lab.licences import Licences, check_licences, licence_of_card
from wingman.lab.recipe import recipe_from_yaml


def test_the_model_carries_the_bases_licence_where_both_are_permissive() -> None:
    both = Licences(base="apache-2.0", data="mit")

    assert both.of_the_model == "apache-2.0"
    assert "this model is under `apache-2.0` too" in both.in_words
    assert check_licences(both) == []


@pytest.mark.parametrize(
    ("base", "data"), [("apache-2.0", None), (None, "mit"), ("llama3", "mit"), ("mit", "other")]
)
def test_where_one_is_not_plain_the_choice_is_left_to_the_person(base: str | None, data: str | None) -> None:
    both = Licences(base=base, data=data)

    assert both.of_the_model is None
    assert "once you have checked both" in both.in_words


@pytest.mark.parametrize(
    ("data", "level", "words"),
    [
        ("cc-by-nc-4.0", "warning", "may not be used commercially"),
        ("cc-by-nc-sa-4.0", "warning", "may not be used commercially"),
        ("cc-by-nd-4.0", "warning", "forbids publishing"),
        ("cc-by-nc-nd-4.0", "warning", "forbids publishing"),
        ("cc-by-sa-4.0", "info", "the same licence"),
        ("gpl-3.0", "info", "the same licence"),
    ],
)
def test_terms_that_bind_the_model_are_found(data: str, level: str, words: str) -> None:
    both = Licences(base="mit", data=data)

    [finding] = check_licences(both)

    assert (finding.level, words in finding.message) == (level, True)
    assert both.of_the_model is None


@pytest.mark.parametrize(
    "card",
    [
        "# no front matter",
        "---\nlicense: [mit, apache-2.0]\n---\n",
        "---\nlicense: unknown\n---\n",
        "---\nlicense: 3\n---\n",
        "---\n: : :\n---\n",
        "---\n- a list\n---\n",
        "---\nlicense: mit",
        "",
    ],
)
def test_a_card_that_states_no_single_licence_states_none(card: str) -> None:
    assert licence_of_card(card) is None


def test_the_examples_hold() -> None:
    assert doctest.testmod(licences).failed == 0


_ENDLESS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{link}: &a{link} {{<<: [*a{link - 1}, *a{link - 1}]}}\n" for link in range(1, 40)
)


def test_a_card_of_endless_values_still_states_its_licence() -> None:
    assert licence_of_card(f"---\n{_ENDLESS}license: [MIT]\n---\n") == "mit"
    assert licence_of_card("---\na: " + "[" * 5000 + "\n---\n") is None
    assert licence_of_card("---\nlicense: 3\n---\n") is None


@pytest.mark.parametrize("text", [_ENDLESS, "a: &a [1]\nb: *a\n", "a: " + "[" * 5000, "a: 2020-99-99"])
def test_a_recipe_says_what_it_means_without_aliases(text: str) -> None:
    with pytest.raises(RecipeError):
        recipe_from_yaml(f"format: 1\n{text}")
