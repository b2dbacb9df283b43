"""A BERT small enough to make in a test: random weights, a tokenizer of its own, exported to ONNX."""

import json
import warnings
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

from wingman.lab.export import quantize_int8

WORDS = "a the film plot was is not very good bad dull bright slow quick funny sad and but so it".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MAX_LENGTH = 48


def write_tiny_model(
    folder: Path,
    *,
    labels: tuple[str, ...] = ("negative", "neutral", "positive"),
    problem_type: str | None = None,
    onnx: bool = True,
    serving: bool = True,
    precision: str = "fp32",
) -> None:
    """Fill `folder` with a text classifier as a repository holds it.

    Weights are drawn wide apart, so that labels and scores differ from text to text and a row mixed up with
    another one is noticed.
    """
    torch.manual_seed(7)
    tokenizer = _tokenizer()
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS) + 26 * 2,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=MAX_LENGTH,
        initializer_range=0.5,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
        problem_type=problem_type,
    )
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if onnx:
        _export(model, folder / "onnx" / "model.onnx")
    if precision == "int8":
        quantize_int8(folder / "onnx" / "model.onnx", folder / "onnx" / "model_int8.onnx")
    if serving:
        record = {
            "format": 1,
            "task": "text-classification",
            "file": {"fp32": "onnx/model.onnx", "int8": "onnx/model_int8.onnx"}[precision],
            "precision": precision,
            "max_length": MAX_LENGTH,
            "labels": list(labels),
            "problem_type": problem_type,
        }
        (folder / "serving.json").write_text(json.dumps(record))


def _tokenizer() -> BertTokenizerFast:
    letters = [letter for code in range(26) for letter in (chr(97 + code), f"##{chr(97 + code)}")]
    vocabulary = {
        token: index
        for index, token in enumerate([*SPECIAL, *WORDS, *(x for x in letters if x not in WORDS)])
    }
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=MAX_LENGTH)


def _export(model: BertForSequenceClassification, path: Path) -> None:
    path.parent.mkdir()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = tuple(torch.ones(2, 6, dtype=torch.long) for _ in names)
    with warnings.catch_warnings():
        # The older exporter is deprecated, and ten times quicker than its successor.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            example,
            str(path),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={name: {0: "rows", 1: "tokens"} for name in names} | {"logits": {0: "rows"}},
            dynamo=False,
        )
