"""The last layer's start from a linear probe."""

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from wingman.lab.errors import RecipeError
from wingman.lab.recipe import default_training, recipe_from_yaml
from wingman.lab.training.batches import EncodedRows
from wingman.lab.training.probe import fit_probe, last_layer, spread_over_classes, start_from_probe

SMALL = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
    "num_labels": 4,
    "pad_token_id": 0,
}
DISTIL = {"vocab_size": 60, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "num_labels": 4}


def small_model(kind: str, **settings):
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**(settings or SMALL))
    return getattr(transformers, f"{kind}ForSequenceClassification")(config)


def rows_of_four_words(n: int = 80) -> EncodedRows:
    """Each class has a word of its own, in texts of several lengths."""
    draw = np.random.default_rng(0)
    labels = [number % 4 for number in range(n)]
    ids = [
        [2, *([10 + label] * 3), *draw.integers(20, 59, draw.integers(1, 6)).tolist(), 3] for label in labels
    ]
    return EncodedRows({"input_ids": ids, "labels": labels})


def pad(rows: list[dict]) -> dict:
    longest = max(len(row["input_ids"]) for row in rows)
    padded = [row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in rows]
    return {
        "input_ids": torch.tensor(padded),
        "attention_mask": (torch.tensor(padded) != 0).long(),
        "labels": torch.tensor([row["labels"] for row in rows]),
    }


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("Bert", SMALL), ("Roberta", SMALL), ("Electra", SMALL), ("DebertaV2", SMALL), ("DistilBert", DISTIL)],
)
def test_heads_of_common_encoders_start_from_a_probe(kind, settings):
    model, rows = small_model(kind, **settings), rows_of_four_words()
    body = {name: value.clone() for name, value in model.base_model.state_dict().items()}
    model.train()

    started = start_from_probe(model, rows, pad, bf16=False, seed=0)

    assert started
    assert model.training
    assert all(torch.equal(value, body[name]) for name, value in model.base_model.state_dict().items())
    model.eval()
    batch = pad([rows[position] for position in range(len(rows))])
    labels = batch.pop("labels")
    with torch.inference_mode():
        loss = torch.nn.functional.cross_entropy(model(**batch).logits, labels)
    assert loss < 0.9 * np.log(4)  # below what a head at random has


def test_a_head_that_scores_every_token_stays_as_it_is():
    settings = {"vocab_size": 60, "n_embd": 16, "n_layer": 1, "n_head": 2, "num_labels": 4, "pad_token_id": 0}
    model = small_model("GPT2", **settings)
    before = last_layer(model).weight.clone()

    assert not start_from_probe(model, rows_of_four_words(), pad, bf16=False, seed=0)
    assert torch.equal(last_layer(model).weight, before)


def test_the_layer_says_what_the_regression_says():
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(0)
    labels = np.array([0, 2, 3] * 20)  # class 1 has no rows
    inputs = 0.04 * (draw.normal(size=(60, 5)) + labels[:, None]) + 7

    weight, bias = fit_probe(inputs, labels, np.ones(60), num_labels=4)

    scores = inputs @ weight.T + bias
    unit = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0).mean()
    expected = LogisticRegression(C=0.03, max_iter=300).fit(unit, labels).predict_proba(unit)
    present = np.exp(scores[:, [0, 2, 3]])
    np.testing.assert_allclose(present / present.sum(axis=1, keepdims=True), expected, atol=1e-3)
    assert bias[1] == bias.min()


def test_of_two_classes_the_layer_has_both():
    inputs, labels = np.array([[-1.0], [-2.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    weight, bias = fit_probe(inputs, labels, np.ones(4), num_labels=2)
    assert ((inputs @ weight.T + bias).argmax(axis=1) == labels).all()
    np.testing.assert_allclose(weight[0], -weight[1])


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.integers(1, 250))
def test_rare_classes_are_read_whole_and_weights_restore_the_others(labels, limit):
    labels = np.array(labels)
    positions, weights = spread_over_classes(labels, limit, seed=0)

    assert len(np.unique(positions)) == len(positions) <= max(limit, len(np.unique(labels)))
    for label in np.unique(labels):
        assert weights[labels[positions] == label].sum() == pytest.approx((labels == label).sum())
    kept = [int((labels[positions] == label).sum()) for label in np.unique(labels)]
    whole = [int((labels == label).sum()) for label in np.unique(labels)]
    assert all(part == count or part == max(kept) for part, count in zip(kept, whole, strict=True))


def test_more_than_two_classes_start_from_a_probe_and_older_recipes_do_not():
    settings = {"train_rows": 100, "precision": "fp32", "seed": 0, "max_length": 16}
    assert default_training("full", num_labels=3, **settings).head == "probe"
    assert default_training("full", num_labels=2, **settings).head == "random"
    assert default_training("features", num_labels=3, **settings).head == "random"
    recipe = """
        format: 1
        task: text-classification
        data: {source: a.csv, digest: 1a, columns: {text: text, label: label}}
        base: {id: a, digest: 1b}
        training: {method: full}
    """
    assert recipe_from_yaml(recipe).training.head == "random"
    with pytest.raises(RecipeError, match="names the head 'lucky'; known are random, probe"):
        recipe_from_yaml(recipe.replace("method: full", "head: lucky"))
    with pytest.raises(RecipeError, match="names the method 'fll'; known are full, lora, features"):
        recipe_from_yaml(recipe.replace("method: full", "method: fll"))
