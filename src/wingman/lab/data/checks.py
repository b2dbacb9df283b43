"""Checks on labelled text: what is missing, doubled, contradictory, unbalanced or leaking, row by row.

Each check is a function of columns and places and returns findings; nothing is changed here.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from wingman.lab.data.model import Finding, counted

MIN_ROWS = 20
MIN_ROWS_PER_CLASS = 3
MAX_CLASSES_SHARE = 0.5
# Numbers beyond these are measured, not named: codes of classes are whole, and rarely as many.
MAX_FRACTIONS, MAX_WHOLE_NUMBERS = 20, 500
_SHOWN = 5
_NESTED = (list, tuple, dict, set, np.ndarray)


def _find(code: str, level: str, message: str, rows: np.ndarray, places: np.ndarray, **rest: str) -> Finding:
    return Finding(
        code=code,
        level=level,  # type: ignore[arg-type]
        message=message,
        places=tuple(str(place) for place in places[rows[:_SHOWN]]),
        count=len(rows),
        **rest,
    )


def check_missing(values: pd.Series, column: str, role: str, places: np.ndarray) -> list[Finding]:
    """Rows without a value. More than half missing is an error: it is likely the wrong column."""
    missing = np.flatnonzero(values.isna().to_numpy())
    if not len(missing):
        return []
    if len(missing) == len(values):
        return [
            _find(
                "missing",
                "error",
                f"Column {column!r} ({role}) is empty in every row.",
                missing,
                places,
                advice="Name another column with --column.",
            )
        ]
    if len(missing) > len(values) / 2:
        message = f"Column {column!r} ({role}) is empty in {len(missing):,} of {len(values):,} rows."
        return [
            _find(
                "missing",
                "error",
                message,
                missing,
                places,
                advice="Name another column with --column, or fill it in.",
            )
        ]
    return [
        _find(
            "missing",
            "warning",
            f"{counted(len(missing), 'row has', 'rows have')} no {role} in column {column!r}; left out.",
            missing,
            places,
        )
    ]


def check_classes(
    labels: pd.Series, column: str, places: np.ndarray, split: np.ndarray | None
) -> list[Finding]:
    """One class only, too few rows, as many classes as rows, rare classes, and their balance."""
    counts = labels.value_counts()
    everywhere = np.arange(len(labels))
    if len(labels) < MIN_ROWS:
        usable = counted(len(labels), "usable row", "usable rows")
        message = f"{usable}; at least {MIN_ROWS} are needed to train and test anything."
        return [_find("too_few_rows", "error", message, everywhere, places, advice="Collect more examples.")]
    if len(counts) < 2:
        message = (
            f"Every row has the same label, {counts.index[0]!r} (column {column!r}): there is "
            "nothing to tell apart."
        )
        return [
            _find(
                "one_class",
                "error",
                message,
                everywhere,
                places,
                advice="Add rows of another class, or name the right column with --column label=…",
            )
        ]
    measured = _check_measured(labels, column, places)
    if measured:
        return measured
    if len(counts) > max(2, len(labels) * MAX_CLASSES_SHARE):
        message = (
            f"Column {column!r} has {len(counts):,} different values in {len(labels):,} rows: "
            "that is not a label."
        )
        return [
            _find(
                "not_a_label",
                "error",
                message,
                everywhere,
                places,
                advice="Name the right column with --column label=…",
            )
        ]
    findings = []
    rare = counts[counts < MIN_ROWS_PER_CLASS]
    if len(rare):
        rows = np.flatnonzero(labels.isin(rare.index).to_numpy())
        names = ", ".join(map(repr, rare.index[:5]))
        message = (
            f"{counted(len(rare), 'class has', 'classes have')} fewer than {MIN_ROWS_PER_CLASS} rows ({names}): "
            "enough to train on, too few to measure."
        )
        findings.append(
            _find("rare_class", "warning", message, rows, places, advice="Merge them, or collect more rows.")
        )
    largest, smallest = counts.iloc[0], counts.iloc[-1]
    if largest >= 10 * smallest:
        message = (
            f"The classes are very unequal: {counts.index[0]!r} has {largest:,} rows, "
            f"{counts.index[-1]!r} has {smallest:,}. "
            "Accuracy flatters here; read the macro F1 beside it."
        )
        findings.append(Finding("unbalanced", "info", message))
    if split is not None:
        findings += _check_classes_in_splits(labels, places, split)
    return findings


def _check_measured(labels: pd.Series, column: str, places: np.ndarray) -> list[Finding]:
    """Prices, scores and shares are numbers to be estimated: a class for each of them learns nothing."""
    numbers = pd.to_numeric(pd.Series(labels.unique()), errors="coerce")
    if numbers.isna().any():
        return []
    whole = bool((numbers % 1 == 0).all())
    if len(numbers) <= (MAX_WHOLE_NUMBERS if whole else MAX_FRACTIONS):
        return []
    return [
        _find(
            "measured",
            "error",
            f"Column {column!r} holds {len(numbers):,} different numbers, from {numbers.min():g} to "
            f"{numbers.max():g}: that is measured, not a class.",
            np.arange(len(labels)),
            places,
            advice="Put the numbers into a few named ranges (low, middle, high), or name another column: "
            "--column label=NAME",
        )
    ]


def check_plain(values: pd.Series, column: str, role: str, places: np.ndarray) -> list[Finding]:
    """Cells that are lists or objects (JSON, Parquet), where one text or one label is needed."""
    nested = np.flatnonzero(values.map(lambda value: isinstance(value, _NESTED)).to_numpy(dtype=bool))
    if not len(nested):
        return []
    example = repr(values.iloc[nested[0]])
    shown = example if len(example) <= 60 else f"{example[:57]}…"
    return [
        _find(
            "nested",
            "error",
            f"Column {column!r} ({role}) holds lists or objects in {counted(len(nested), 'row', 'rows')}, "
            f"e.g. {shown}.",
            nested,
            places,
            advice=f"Each row needs one {role}, as text or a number; or name another column: --column {role}=NAME",
        )
    ]


def check_header(text_column: str, is_name: bool, label_column: str, labels: pd.Series) -> list[Finding]:
    """A file without a header line: then the "name" of the label column is a label itself.

    is_name: whether the text column is called as such columns are; a header line is there, then.
    """
    if is_name or str(label_column).strip() not in set(labels):
        return []
    shown = str(text_column) if len(str(text_column)) <= 60 else f"{str(text_column)[:57]}…"
    return [
        Finding(
            "no_header",
            "error",
            f"The first line seems to be a row, not the names of the columns: {label_column!r} is a label, and "
            f"{shown!r} a text.",
            "Put a line with the names before it, e.g. text,label.",
            ("line 1",),
            1,
        )
    ]


def _check_classes_in_splits(labels: pd.Series, places: np.ndarray, split: np.ndarray) -> list[Finding]:
    trained = set(labels[split == "train"])
    if not trained:
        return [
            Finding(
                "no_train_rows",
                "error",
                "No row is in the train split.",
                "Mark rows with train, validation or test.",
            )
        ]
    unseen = np.flatnonzero(~labels.isin(trained).to_numpy())
    if not len(unseen):
        return []
    names = ", ".join(sorted({repr(labels.iloc[row]) for row in unseen})[:5])
    message = (
        f"{counted(len(unseen), 'row', 'rows')} outside the train split with classes that train never shows ({names})."
    )
    return [
        _find(
            "unseen_class",
            "error",
            message,
            unseen,
            places,
            advice="Add training rows of these classes, or remove the rows.",
            repair="leave those rows out",
        )
    ]


def find_conflicts(keys: Sequence[str], labels: pd.Series) -> np.ndarray:
    """Positions of rows whose text also appears under another label."""
    frame = pd.DataFrame({"key": keys, "label": labels.to_numpy()})
    return np.flatnonzero(frame.groupby("key")["label"].transform("nunique").gt(1).to_numpy())


def check_conflicts(keys: Sequence[str], labels: pd.Series, places: np.ndarray) -> list[Finding]:
    conflicting = find_conflicts(keys, labels)
    if not len(conflicting):
        return []
    texts = len({keys[row] for row in conflicting})
    many = counted(texts, "text appears", "texts appear")
    message = f"{many} under more than one label, in {len(conflicting):,} rows"
    order = conflicting[
        np.argsort([keys[row] for row in conflicting], kind="stable")
    ]  # the pair side by side
    first = order[: max(2, _SHOWN)]
    said = "; ".join(f"{places[row]} says {labels.iloc[row]!r}" for row in first[:2])
    return [
        _find(
            "conflicting_labels",
            "error",
            f"{message} ({said}).",
            order,
            places,
            advice="Decide on one label for each, or run again with --repair, which leaves those rows out.",
            repair="leave out every row of such a text",
        )
    ]


def find_repeats(keys: Sequence[str], labels: pd.Series, split: np.ndarray | None) -> np.ndarray:
    """Positions of later copies of a text with the same label, inside one split."""
    frame = pd.DataFrame({"key": keys, "label": labels.to_numpy(), "split": "" if split is None else split})
    return np.flatnonzero(frame.duplicated().to_numpy())


def check_repeats(
    keys: Sequence[str], labels: pd.Series, places: np.ndarray, split: np.ndarray | None
) -> list[Finding]:
    repeated = find_repeats(keys, labels, split)
    if not len(repeated):
        return []
    message = (
        f"{counted(len(repeated), 'row repeats', 'rows repeat')} an earlier one (but for case, spacing or "
        "punctuation); only the first is kept."
    )
    return [_find("duplicates", "warning", message, repeated, places)]


def find_leaks(keys: Sequence[str], split: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(held-out rows whose text is also trained on, rows to drop to mend it).

    Dropped is the copy further from the test: of a text in train and test the training row goes.
    """
    held_out_rank = {"test": 0, "validation": 1, "train": 2}
    best: dict[str, int] = {}
    for key, name in zip(keys, split, strict=True):
        best[key] = min(best.get(key, 9), held_out_rank[name])
    trained = {key for key, name in zip(keys, split, strict=True) if name == "train"}
    validated = {key for key, name in zip(keys, split, strict=True) if name == "validation"}
    leaking = [
        row
        for row, (key, name) in enumerate(zip(keys, split, strict=True))
        if (name != "train" and key in trained) or (name == "test" and key in validated)
    ]
    drop = [
        row
        for row, (key, name) in enumerate(zip(keys, split, strict=True))
        if held_out_rank[name] > best[key]
    ]
    return np.array(leaking, dtype=int), np.array(drop, dtype=int)


def check_leaks(keys: Sequence[str], places: np.ndarray, split: np.ndarray | None) -> list[Finding]:
    """Held-out rows that are also training rows. Without given splits there are none: equal texts stay together."""
    if split is None:
        return []
    leaking, drop = find_leaks(keys, split)
    if not len(leaking):
        return []
    partner = {
        key: str(place) for key, place, name in zip(keys, places, split, strict=True) if name != "test"
    }
    example = f"{places[leaking[0]]} is {partner[keys[leaking[0]]]}"
    message = (
        f"{counted(len(leaking), 'held-out row is', 'held-out rows are')} also in the rows trained or tuned on, but "
        f"for case, spacing or punctuation ({example}). Results would be too good."
    )
    return [
        _find(
            "leaks",
            "error",
            message,
            leaking,
            places,
            advice=(
                f"Remove the copies, or run again with --repair, which leaves {len(drop):,} of the "
                "training or validation rows out."
            ),
            repair="leave the copies out of train and validation",
        )
    ]


def check_lengths(texts: pd.Series, places: np.ndarray) -> list[Finding]:
    """Texts of a single character, and very long ones (the model reads a beginning only)."""
    lengths = texts.str.len().to_numpy()
    long = np.flatnonzero(lengths > 20_000)
    findings = []
    if len(long):
        findings.append(
            _find(
                "long_texts",
                "info",
                f"{counted(len(long), 'text is', 'texts are')} longer than 20,000 characters; the beginning is read.",
                long,
                places,
            )
        )
    return findings


def check_characters(texts: pd.Series, places: np.ndarray) -> list[Finding]:
    """Texts with the character that stands for one that was cut in two, or lost in an earlier conversion."""
    broken = np.flatnonzero(texts.str.contains("\ufffd", regex=False).to_numpy(dtype=bool))
    if not len(broken):
        return []
    message = f"{counted(len(broken), 'text holds', 'texts hold')} a character that was cut or lost; read as \ufffd."
    return [_find("broken_characters", "warning", message, broken, places)]
