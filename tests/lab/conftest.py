"""A base model small enough to train in a second, and reviews it can learn from."""

import random
from pathlib import Path

import pandas as pd
import pytest

GOOD = ["fine", "lovely", "bright", "warm", "clever", "honest", "fresh", "rich"]
BAD = ["dull", "weak", "cold", "stale", "clumsy", "false", "noisy", "poor"]
OTHER = [
    "the",
    "film",
    "story",
    "and",
    "actor",
    "scene",
    "music",
    "was",
    "very",
    "with",
    "a",
    "plot",
    "its",
    "end",
]


def make_reviews(n: int = 300, *, seed: int = 0) -> pd.DataFrame:
    """n different reviews; the label is what most of its telling words say, so words alone nearly do."""
    draw = random.Random(seed)
    rows = []
    for number in range(n):
        label = draw.choice(["good", "bad"])
        telling = draw.choices(GOOD if label == "good" else BAD, k=2) + draw.choices(GOOD + BAD, k=1)
        words = telling + draw.choices(OTHER, k=draw.randint(3, 12)) + [f"n{number}"]
        draw.shuffle(words)
        rows.append({"text": " ".join(words), "label": label})
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of 2 layers, 32 wide, with random weights and a tokenizer of whole words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("base") / "tiny-bert"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *OTHER]
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.1,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    make_reviews().to_csv(path, index=False)
    return path
