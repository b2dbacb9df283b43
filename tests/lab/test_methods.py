"""Loading a base: which head it gets, and which weights are refused."""

import json
import shutil

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from wingman.lab.base import read_base
from wingman.lab.errors import BaseModelError
from wingman.lab.tasks import find_task
from wingman.lab.training.methods import load_model

TASK = find_task("text-classification")


def load(folder, num_labels):
    labels = [f"label {number}" for number in range(num_labels)]
    base = read_base(folder, id="me/base", revision=None)
    return load_model(base, TASK.auto_class, TASK.model_settings(labels))


@pytest.fixture
def with_head(tmp_path, tiny_base):
    """The tiny base after a fine-tuning for two labels."""
    folder = tmp_path / "with-head"
    shutil.copytree(tiny_base, folder)
    AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=2).save_pretrained(folder)
    return folder


def test_a_head_for_another_number_of_labels_gives_way_to_a_fresh_one(with_head):
    before = AutoModelForSequenceClassification.from_pretrained(with_head)

    model = load(with_head, 5)

    assert model.classifier.weight.shape == (5, 32)
    assert model.config.id2label[4] == "label 4"
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, before.bert.embeddings.word_embeddings.weight)
    assert 0 < model.classifier.weight.abs().max() < 1


def test_a_head_for_as_many_labels_is_kept(with_head):
    before = AutoModelForSequenceClassification.from_pretrained(with_head)

    assert torch.equal(load(with_head, 2).classifier.weight, before.classifier.weight)


def test_weights_that_do_not_fit_the_config_are_refused(tmp_path, tiny_base):
    shutil.copytree(tiny_base, tmp_path / "base")
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    (tmp_path / "base" / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))

    with pytest.raises(BaseModelError, match=r"me/base do not fit its config.json: bert\.encoder.* \[64\], not \[48\]"):
        load(tmp_path / "base", 2)
