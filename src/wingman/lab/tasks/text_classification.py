"""Text classification (sentiment, topics, spam): one label for each text.

Trained on two columns, `text` and `label`; a third, `document`, keeps the sentences of one document in one split.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from wingman.lab.data import checks
from wingman.lab.data.columns import as_text, check_named_columns, find_document_column, name_score
from wingman.lab.data.model import ColumnGuess, Finding, Table
from wingman.lab.data.split import split_rows
from wingman.lab.data.text import split_key, text_key
from wingman.lab.metrics import classification
from wingman.lab.tasks.model import Examples, Role, Task

_TEXT = Role(
    "text",
    "what is read",
    tuple(
        "text sentence review content message body tweet comment document_text question utterance title description "
        "post email input sms complaint feedback narrative subject issue "
        "texte texto testo tekst nachricht beschreibung bewertung kommentar avis commentaire comentario".split()
    ),
)
_LABEL = Role(
    "label",
    "what is to be said of it",
    tuple(
        "label labels class sentiment category target topic intent tag polarity rating stars is_spam spam y answer "
        "output verdict type department queue score grade "
        "kategorie klasse thema etikett catégorie categorie classe étiquette categoría categoria etiqueta".split()
    ),
)
_DOCUMENT = Role("document", "the document a row comes from", ("document",), required=False)
_SAMPLE = 2000
_DATE = re.compile(r"\d{1,4}([-./])\d{1,2}\1\d{1,4}([ T].*)?|\d{1,2}:\d{2}(:\d{2})?")


def recognise(table: Table, named: Mapping[str, str]) -> list[ColumnGuess]:
    """A guess for text and label (and document, if there is one).

    Columns the person named are taken as they are; "" for the document says that there is none.
    """
    check_named_columns(table, named, {role.name: role.required for role in (_TEXT, _LABEL, _DOCUMENT)})
    guesses: list[ColumnGuess] = []
    taken = list(named.values())
    for role, score in ((_TEXT, _text_score), (_LABEL, _label_score)):
        if role.name in named:
            guesses.append(ColumnGuess(role.name, named[role.name], 1.0, "named by you"))
            continue
        guess = _best(table, role, score, taken)
        if guess is not None:
            guesses.append(guess)
            taken.append(guess.column)
    if named.get(_DOCUMENT.name) == "":
        return guesses
    if _DOCUMENT.name in named:
        guesses.append(ColumnGuess(_DOCUMENT.name, named[_DOCUMENT.name], 1.0, "named by you"))
    elif (document := find_document_column(table, taken)) is not None:
        guesses.append(document)
    return guesses


def _best(
    table: Table, role: Role, score: Callable[[pd.Series], tuple[float, str]], taken: list[str]
) -> ColumnGuess | None:
    """Name and content count half each; a rival close behind halves the confidence.

    Where no content will do, a column that has the name is taken, so that the checks say what is wrong with it.
    """
    ranked, named_only = [], []
    for column in table.frame.columns:
        if column in taken:
            continue
        by_name = name_score(column, role.names)
        by_content, reason = score(as_text(table.frame[column].head(_SAMPLE)).dropna())
        if by_content > 0:
            named_so = "named like one, " if by_name else ""
            ranked.append(((by_name + by_content) / 2, column, named_so + reason))
        elif by_name > 0 and reason:
            named_only.append(ColumnGuess(role.name, column, 0.1, f"named like one, but {reason}"))
    if not ranked:
        return named_only[0] if named_only else None
    ranked.sort(key=lambda item: -item[0])
    best, column, reason = ranked[0]
    if len(ranked) > 1 and best - ranked[1][0] < 0.1:
        return ColumnGuess(
            role.name, column, round(best / 2, 2), f"{reason}; but {ranked[1][1]!r} looks much the same"
        )
    return ColumnGuess(role.name, column, round(best, 2), reason)


def _text_score(values: pd.Series) -> tuple[float, str]:
    if values.empty:
        return 0.0, ""
    words = values.str.split().str.len().mean()
    distinct = values.nunique() / len(values)
    return min(1.0, words / 5) * distinct, f"{words:.0f} words on average, {distinct:.0%} distinct"


def _label_score(values: pd.Series) -> tuple[float, str]:
    """Few short values, repeated often. Constants, numbers of many values, dates and many values count for less."""
    if values.empty:
        return 0.0, ""
    distinct = values.nunique()
    if distinct > max(2, len(values) * checks.MAX_CLASSES_SHARE):
        return 0.0, f"{distinct:,} different values"
    short = 1.0 if values.str.len().median() <= 40 else 0.2
    numeric = pd.to_numeric(values, errors="coerce").notna().all() and distinct > 10
    unlikely = numeric or distinct == 1 or values.str.fullmatch(_DATE).all()
    # 1 up to 20 values, falling to a half at 200: of two columns, the one with fewer values is the likelier label.
    few = 1.0 - 0.5 * min(1.0, max(0.0, np.log10(distinct / 20)))
    what = "short value" if distinct == 1 else "different short values"
    return short * (0.2 if unlikely else 1.0) * few, f"{distinct} {what}"


def inspect(table: Table, columns: Mapping[str, str]) -> list[Finding]:
    """Everything found in the content. Rows with missing values are set aside before the other checks."""
    nested = [
        finding
        for role in (_TEXT.name, _LABEL.name)
        for finding in checks.check_plain(table.frame[columns[role]], columns[role], role, table.places)
    ]
    if nested:
        return nested
    texts, labels = as_text(table.frame[columns["text"]]), as_text(table.frame[columns["label"]])
    findings = checks.check_missing(texts, columns["text"], "text", table.places)
    findings += checks.check_missing(labels, columns["label"], "label", table.places)
    usable = (texts.notna() & labels.notna()).to_numpy()
    if not usable.any():
        return findings
    texts, labels = texts[usable], labels[usable]
    places, split = table.places[usable], None if table.split is None else table.split[usable]
    keys = [text_key(text) for text in texts]
    is_name = name_score(columns["text"], _TEXT.names) > 0 and len(str(columns["text"]).split()) <= 3
    findings += checks.check_header(columns["text"], is_name, columns["label"], labels)
    findings += checks.check_classes(labels, columns["label"], places, split)
    findings += checks.check_conflicts(keys, labels, places)
    findings += checks.check_leaks(keys, places, split)
    findings += checks.check_repeats(keys, labels, places, split)
    findings += checks.check_lengths(texts, places)
    findings += checks.check_characters(texts, places)
    return findings


def repair(table: Table, columns: Mapping[str, str]) -> Table:
    """Leave out rows with contradictory labels, classes never trained on, and copies that leak."""
    table = _without_missing(table, columns)
    table = _without(
        table, checks.find_conflicts(_keys(table, columns), as_text(table.frame[columns["label"]]))
    )
    if table.split is None:
        return table
    table = _without(table, checks.find_leaks(_keys(table, columns), table.split)[1])
    assert table.split is not None
    labels = as_text(table.frame[columns["label"]])
    return _without(table, np.flatnonzero(~labels.isin(set(labels[table.split == "train"])).to_numpy()))


def _keys(table: Table, columns: Mapping[str, str]) -> list[str]:
    return [text_key(text) for text in as_text(table.frame[columns["text"]])]


def _without(table: Table, rows: np.ndarray) -> Table:
    keep = np.ones(len(table), dtype=bool)
    keep[rows] = False
    return table.take(keep)


def _without_missing(table: Table, columns: Mapping[str, str]) -> Table:
    usable = as_text(table.frame[columns["text"]]).notna() & as_text(table.frame[columns["label"]]).notna()
    return table.take(usable.to_numpy())


def to_examples(
    table: Table, columns: Mapping[str, str], *, seed: int, validation: float, test: float
) -> Examples:
    """Usable rows without repeats, split, with labels as integers in the order of their names."""
    table = _without_missing(table, columns)
    labels = as_text(table.frame[columns["label"]])
    table = _without(table, checks.find_repeats(_keys(table, columns), labels, table.split))
    texts, labels = as_text(table.frame[columns["text"]]), as_text(table.frame[columns["label"]])
    keys = [split_key(text) for text in texts]
    groups = _documents(table, columns["document"], keys) if "document" in columns else None
    split = split_rows(
        keys, list(labels), given=table.split, groups=groups, validation=validation, test=test, seed=seed
    )
    names = _label_names(table, columns["label"], labels)
    number = {name: index for index, name in enumerate(names)}
    frame = pd.DataFrame(
        {
            "place": table.places,
            "key": keys,
            "split": split,
            "text": list(texts),
            "label": [number[name] for name in labels],
        }
    )
    if groups is not None:
        frame["group"] = groups
    return Examples(frame=frame, labels=names)


def _documents(table: Table, column: str, keys: list[str]) -> list[str]:
    """The document of each row; a row that names none is one by itself, called by its text's key."""
    names = as_text(table.frame[column])
    return [key if pd.isna(name) else name for name, key in zip(names, keys, strict=True)]


def _label_names(table: Table, column: str, labels: pd.Series) -> list[str]:
    """The source's own order if it states one, else numbers by value and words by alphabet."""
    present = set(labels)
    stated = [name for name in table.label_names.get(column, []) if name in present]
    if set(stated) == present:
        return stated
    if all(_is_number(name) for name in present):
        return sorted(present, key=float)
    return sorted(present)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def encode(tokenizer: Any, frame: pd.DataFrame, max_length: int) -> dict[str, list[Any]]:
    """Token ids without padding; `labels` beside them."""
    encoded = tokenizer(
        list(frame["text"]),
        truncation=True,
        max_length=max_length,
        return_attention_mask=False,
        return_token_type_ids=False,
    )
    return {"input_ids": encoded["input_ids"], "labels": [int(label) for label in frame["label"]]}


def make_collator(tokenizer: Any) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """Pads a batch to its own longest row."""
    from transformers import DataCollatorWithPadding

    return DataCollatorWithPadding(tokenizer)


def model_settings(labels: Sequence[str]) -> dict[str, Any]:
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {name: number for number, name in enumerate(labels)},
        "problem_type": "single_label_classification",
    }


def baseline(
    train: pd.DataFrame, judged: Mapping[str, pd.DataFrame], num_labels: int, seed: int
) -> dict[str, np.ndarray]:
    """TF-IDF over words and pairs of words with logistic regression: what a good hour of classic work gives.

    Returns probabilities (n, k) for each frame of `judged`.
    """
    from sklearn.linear_model import LogisticRegression

    vectorizer, features = _weigh_words(train["text"])
    model = LogisticRegression(C=10.0, max_iter=2000, random_state=seed)
    model.fit(features, train["label"])
    answers = {}
    for name, frame in judged.items():
        probabilities = np.zeros((len(frame), num_labels))
        if len(frame):
            probabilities[:, model.classes_] = model.predict_proba(vectorizer.transform(frame["text"]))
        answers[name] = probabilities
    return answers


def _weigh_words(texts: pd.Series) -> tuple[Any, Any]:
    """A fitted vectorizer, and the weights of the words of each text, (n, words) sparse.

    Of many texts, words that only one of them has are left out.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(
        ngram_range=(1, 2),
        sublinear_tf=True,
        min_df=2 if len(texts) > 500 else 1,
        token_pattern=r"(?u)\b\w+\b",
    )
    try:
        return vectorizer, vectorizer.fit_transform(texts)
    except ValueError:  # no two texts share a word: those of one text are all there is to go by
        vectorizer.set_params(min_df=1)
        return vectorizer, vectorizer.fit_transform(texts)


def to_scores(logits: np.ndarray) -> np.ndarray:
    """Softmax over classes in float64; (n, k)."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def quick_metrics(logits: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    matrix = classification.confusion_matrix(truth, logits.argmax(axis=1), logits.shape[1])
    overall = classification.summarise(matrix)
    return {"accuracy": overall["accuracy"], "f1_macro": overall["f1_macro"]}


def read_answer(answer: Any, labels: Sequence[str]) -> np.ndarray:
    """Scores (k,) out of `[{"label", "score"}, …]`, with or without one more list around it."""
    entries = answer[0] if answer and isinstance(answer[0], list) else answer
    by_label = {entry["label"]: entry["score"] for entry in entries}
    return np.array([by_label.get(name, np.nan) for name in labels])


TASK = Task(
    name="text-classification",
    title="Text classification",
    aliases=("sentiment-analysis", "sentiment"),
    auto_class="AutoModelForSequenceClassification",
    pipeline="text-classification",
    roles=(_TEXT, _LABEL, _DOCUMENT),
    headline="accuracy",
    metrics_signature=classification.SIGNATURE,
    widget="text-to-labels",
    export_inputs=("input_ids", "attention_mask"),
    request={"inputs": "I like this film very much."},
    answer='[{"label": str, "score": float}], highest first',
    recognise=recognise,
    inspect=inspect,
    repair=repair,
    to_examples=to_examples,
    encode=encode,
    make_collator=make_collator,
    model_settings=model_settings,
    baseline=baseline,
    to_scores=to_scores,
    evaluate=classification.evaluate_classifier,
    quick_metrics=quick_metrics,
    read_answer=read_answer,
)
