"""Start a classifier's last layer from a linear probe, not from noise.

A fresh last layer learns a class from that class's own rows. Where classes are many, most have few, and a
fine-tuning of some epochs ends before it has found them. Logistic regression on what the untouched encoder says of
each text finds them in seconds; fine-tuning then starts from there, and bends the encoder less on its way.
(Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution": LP-FT.)
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from wingman.lab.training.batches import EncodedRows, in_order_of_length

MAX_ROWS = 20_000
# Weak enough to tell rare classes apart, strong enough to leave the head small: a large one bends the encoder hard
# in the first steps. For inputs whose deviation is one; the pooled states of encoders have a few hundredths.
_INVERSE_REGULARISATION = 0.03
_ITERATIONS = 300


def start_from_probe(
    model: Any,
    rows: EncodedRows,
    collate: Callable[[list[dict]], dict],
    *,
    bf16: bool,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> bool:
    """Fit the probe on `rows` and write it into the model's last layer.

    rows: encoded, with "labels" as class numbers. At most `MAX_ROWS` are read: frequent classes give a share of theirs,
    weighted so that they count as all of them.
    Returns False, and leaves the model as it is, where no last linear layer sees one vector a text.
    """
    last = last_layer(model)
    if last is None:
        return False
    labels = np.asarray(rows.columns["labels"])
    chosen, weights = spread_over_classes(labels, MAX_ROWS, seed)
    if len(np.unique(labels[chosen])) < 2:
        return False
    inputs = _inputs_of(last, model, rows.take(chosen.tolist()), collate, bf16=bf16, progress=progress)
    if inputs is None:
        return False
    weight, bias = fit_probe(inputs, labels[chosen], weights, last.out_features)
    with torch.no_grad():
        last.weight.copy_(torch.from_numpy(weight))
        if last.bias is not None:
            last.bias.copy_(torch.from_numpy(bias))
    return True


def last_layer(model: Any) -> torch.nn.Linear | None:
    """The linear layer outside the encoder that gives the scores of the classes."""
    inside = {id(module) for module in model.base_model.modules()}
    found = [
        module
        for module in model.modules()
        if isinstance(module, torch.nn.Linear)
        and id(module) not in inside
        and module.out_features == model.config.num_labels
    ]
    return found[-1] if found else None


def spread_over_classes(labels: np.ndarray, limit: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(positions, weights): at most about `limit` rows, rare classes whole; weights restore what was left out.

    >>> positions, weights = spread_over_classes(np.array([0] * 90 + [1] * 10), limit=40, seed=0)
    >>> len(positions), float(weights[:30].sum()), float(weights[30:].sum())
    (40, 90.0, 10.0)
    """
    classes, counts = np.unique(labels, return_counts=True)
    share = _largest_share(counts, limit)
    random = np.random.default_rng(seed)
    positions, weights = [], []
    for label, count in zip(classes, counts, strict=True):
        of_class = np.flatnonzero(labels == label)
        if count > share:
            of_class = np.sort(random.choice(of_class, share, replace=False))
        positions.append(of_class)
        weights.append(np.full(len(of_class), count / len(of_class)))
    return np.concatenate(positions), np.concatenate(weights)


def _largest_share(counts: np.ndarray, limit: int) -> int:
    """How many rows each class may give at most, so that together they are not more than `limit`; at least 1."""
    low, high = 1, int(counts.max())
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(counts, middle).sum() <= limit else (low, middle - 1)
    return low


def fit_probe(
    inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, num_labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Logistic regression as a layer: weight (num_labels, width) and bias (num_labels,), float32.

    inputs: (n, width). A class without rows gets zeros and the lowest bias of the others.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    centre, deviation = inputs.mean(axis=0), float(inputs.std(axis=0).mean()) or 1.0
    probe = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a start need not be an optimum
        probe.fit((inputs - centre) / deviation, labels, sample_weight=weights)
    coefficients, intercepts = probe.coef_, probe.intercept_
    if len(probe.classes_) == 2:  # scikit-learn keeps only the difference of the two
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    coefficients = coefficients / deviation
    intercepts = intercepts - coefficients @ centre
    weight = np.zeros((num_labels, inputs.shape[1]), dtype=np.float32)
    bias = np.full(num_labels, intercepts.min(), dtype=np.float32)
    weight[probe.classes_], bias[probe.classes_] = coefficients, intercepts
    return weight, bias


@torch.inference_mode()
def _inputs_of(
    layer: torch.nn.Linear,
    model: Any,
    rows: EncodedRows,
    collate: Callable[[list[dict]], dict],
    *,
    bf16: bool,
    progress: Callable[[int, int], None],
    batch_rows: int = 32,
) -> np.ndarray | None:
    """What `layer` is given for each row, (n, width) float32; None if that is not one vector a row."""
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    training = model.training
    model.eval()
    inputs = np.empty((len(rows), layer.in_features), dtype=np.float32)
    batches = in_order_of_length(rows, collate, model.device, batch_rows=batch_rows, progress=progress)
    try:
        for positions, batch in batches:
            seen.clear()
            with torch.autocast(model.device.type, torch.bfloat16, enabled=bf16):
                model(**batch)
            if len(seen) != 1 or seen[0].shape != (len(positions), layer.in_features):
                return None
            inputs[positions] = seen[0].float().cpu().numpy()
    finally:
        hook.remove()
        model.train(training)
    return inputs
