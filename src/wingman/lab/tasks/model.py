"""The form every task has: what it is trained on, how rows become batches, how answers are judged, how it is asked.

Everything else in the lab is generic over it. Heavy libraries appear only inside the functions of a task.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from wingman.lab.data.model import ColumnGuess, Finding, Table


@dataclass(frozen=True)
class Role:
    """A part a column plays: `names` are what people call such columns, most telling first."""

    name: str
    summary: str
    names: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True)
class Examples:
    """Rows ready for a task: usable, repaired, with labels as integers.

    frame:  columns of the task's own (`text`, `label`), `key`, `place`, `split`; `group` where rows share documents.
    labels: class names by number; empty for tasks without classes.
    """

    frame: pd.DataFrame
    labels: list[str]


@dataclass(frozen=True)
class Task:
    """One task. The functions are plain; shapes are in their own docstrings.

    auto_class:     name of the transformers class that carries the head.
    headline:       the metric by which versions are compared, and whether more of it is better.
    recognise:      (table, columns the person named) -> a guess for each role.
    inspect:        (table, columns) -> findings about content.
    repair:         (table, columns) -> the table without the rows its error findings are about.
    to_examples:    (table, columns, seed, shares, …) -> `Examples` with splits.
    encode:         (tokenizer, rows, max_length) -> model inputs, one list a row and name.
    make_collator:  (tokenizer) -> a function from encoded rows to padded tensors.
    model_settings: (labels) -> arguments for `from_pretrained`.
    baseline:       (train examples, texts to judge, seed) -> probabilities (n, k) of a cheap classic model.
    to_scores:      (raw outputs) -> what `evaluate` takes.
    evaluate:       (truth, scores, groups, seed, progress) -> figures with intervals.
    quick_metrics:  (raw outputs, truth) -> figures to watch while training.
    export_inputs:  names of the inputs of the exported graph; each (batch, tokens).
    request:        an example body for the inference endpoint; answer: the shape of its reply.
    read_answer:    (reply for one input, labels) -> scores (k,).
    widget:         the component of a model's page that asks it.
    """

    name: str
    title: str
    aliases: tuple[str, ...]
    auto_class: str
    pipeline: str
    roles: tuple[Role, ...]
    headline: str
    metrics_signature: str
    widget: str
    export_inputs: tuple[str, ...]
    request: Mapping[str, Any]
    answer: str
    recognise: Callable[[Table, Mapping[str, str]], list[ColumnGuess]]
    inspect: Callable[[Table, Mapping[str, str]], list[Finding]]
    repair: Callable[[Table, Mapping[str, str]], Table]
    to_examples: Callable[..., Examples]
    encode: Callable[[Any, pd.DataFrame, int], dict[str, list[Any]]]
    make_collator: Callable[[Any], Callable[[list[dict[str, Any]]], dict[str, Any]]]
    model_settings: Callable[[Sequence[str]], dict[str, Any]]
    baseline: Callable[[pd.DataFrame, Mapping[str, pd.DataFrame], int, int], dict[str, np.ndarray]]
    to_scores: Callable[[np.ndarray], np.ndarray]
    evaluate: Callable[..., dict[str, Any]]
    quick_metrics: Callable[[np.ndarray, np.ndarray], dict[str, float]]
    read_answer: Callable[[Any, Sequence[str]], np.ndarray]
