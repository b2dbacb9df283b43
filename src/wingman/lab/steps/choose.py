"""The dry run: recognise, check, estimate, and pin every choice. Trains nothing and writes nothing outside caches."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wingman.lab.base import STARTER_BASE, BaseModel, find_base, keys_learned_from
from wingman.lab.data.columns import SURE_ENOUGH
from wingman.lab.data.model import ColumnGuess, Finding, Table, counted
from wingman.lab.data.read import read_table
from wingman.lab.data.split import count_rows
from wingman.lab.errors import BaseModelError, DataError, HubError, RecipeError
from wingman.lab.estimate import Estimate, check_resources, estimate_flight
from wingman.lab.hub import Hub, check_target, chosen_endpoint, connect
from wingman.lab.licences import Licences, check_licences
from wingman.lab.recipe import (
    BaseChoice,
    DataChoice,
    Export,
    Recipe,
    Training,
    default_training,
    installed_versions,
)
from wingman.lab.request import Request
from wingman.lab.room import check_libraries
from wingman.lab.tasks import find_task
from wingman.lab.tasks.model import Examples, Task
from wingman.lab.training.precision import native_precision

MAX_LENGTH = 256
UNPUBLISHABLE = "unpublishable"  # the code of the finding that says why nothing can be published
SEEN_BY_BASE = "seen_by_base"  # the code of the finding that counts test rows the base was trained on
_LENGTH_SAMPLE = 4000
_NUMBERS: dict[str, tuple[Callable[[float], bool], str]] = {
    "epochs": (lambda value: 0 < value < math.inf, "a number above 0"),
    "learning_rate": (lambda value: 0 < value < math.inf, "a number above 0"),
    "batch_rows": (lambda value: value >= 1, "1 or more"),
    # A word, between the marks of beginning and end that most tokenizers set.
    "max_length": (lambda value: value >= 3, "3 or more"),
    "seed": (lambda value: 0 <= value < 2**32, "from 0 to 4294967295, which is what NumPy takes"),
}


@dataclass(frozen=True)
class Choice:
    """All that the dry run found and chose."""

    recipe: Recipe
    guesses: list[ColumnGuess]
    findings: list[Finding]
    estimate: Estimate
    rows: dict[str, int]
    labels: list[str]
    base: BaseModel
    hub: Hub | None


def choose(request: Request, *, recipe: Recipe | None = None) -> Choice:
    """Resolve a request to a recipe, or stop with everything that is wrong.

    recipe: fly this one again; then data and base must be the ones it pins.
    Raises `DataError` (with findings), `BaseModelError`, `HubError`, `ResourceError`, or `RecipeError` for a number
    that nothing can be trained with.
    """
    if recipe is None:
        _check_numbers(request)
    task = find_task(recipe.task if recipe else request.task)
    check_libraries()
    hub, hub_findings = _find_hub(request)
    table, guesses, findings = _find_data(task, request, hub)
    columns = {guess.role: guess.column for guess in guesses}
    _stop_on_errors(findings)
    examples = _make_examples(task, table, columns, recipe, request)
    base = _find_base(request, hub)
    lengths = _token_lengths(base, examples)
    training = recipe.training if recipe else _choose_training(request, base, examples, lengths)
    licences = Licences(base=base.licence, data=table.licence)
    findings += [*_seen_findings(base, examples), *_length_findings(lengths, training.max_length)]
    findings += [*check_licences(licences), *hub_findings]
    findings += _unmeasured_findings(examples)
    pinned = Recipe(
        task=task.name,
        data=_pin_data(request, table, columns, recipe),
        base=BaseChoice(id=base.id, digest=base.digest, revision=base.revision),
        training=training,
        to=_choose_target(request, hub, base),
        licences=licences,
        versions=installed_versions(),
        export=recipe.export if recipe else Export(),
    )
    if recipe is not None:
        findings += _differences(recipe, pinned, table)
    rows = count_rows(examples.frame["split"].to_numpy())
    trained = np.minimum(lengths, training.max_length)[examples.frame["split"].to_numpy() == "train"]
    estimate = estimate_flight(base, trained, rows["validation"] + rows["test"], training, request.home)
    check_resources(estimate, request.home)
    return Choice(pinned, guesses, findings, estimate, rows, examples.labels, base, hub)


def _check_numbers(request: Request) -> None:
    """Before anything is read: some would train nothing without a word, others be refused by a library at the end."""
    for name, (is_fit, wanted) in _NUMBERS.items():
        value = getattr(request, name)
        if value is not None and not is_fit(value):
            raise RecipeError(f"--{name.replace('_', '-')} is {value}; it must be {wanted}.")


def _find_data(
    task: Task, request: Request, hub: Hub | None
) -> tuple[Table, list[ColumnGuess], list[Finding]]:
    endpoint = hub.endpoint if hub else chosen_endpoint(request.endpoint)
    table = read_table(
        request.data,
        encoding=request.encoding,
        revision=request.data_revision,
        endpoint=endpoint,
        token=hub.token if hub else request.token,
    )
    guesses = task.recognise(table, request.columns)
    found = {guess.role for guess in guesses}
    for role in task.roles:
        if role.required and role.name not in found:
            raise DataError(
                f"No column of {request.data} looks like the {role.name} ({role.summary}). Its columns are: "
                f"{', '.join(map(str, table.frame.columns))}. Say which it is: --column {role.name}=NAME"
            )
    findings = [
        Finding(
            code="unsure_column",
            level="warning",
            message=(
                f"Taking column {guess.column!r} as {guess.role}, but not sure "
                f"({guess.confidence:.0%}: {guess.reason})."
            ),
            advice=f"If that is wrong: --column {guess.role}=NAME",
        )
        for guess in guesses
        if guess.confidence < SURE_ENOUGH
    ]
    columns = {guess.role: guess.column for guess in guesses}
    content = task.inspect(table, columns)
    if request.repair and any(finding.level == "error" and finding.repair for finding in content):
        mended = task.repair(table, columns)
        left_out = len(table) - len(mended)
        findings += [
            replace(finding, level="warning", advice=f"Repaired: {finding.repair}.")
            for finding in content
            if finding.repair
        ]
        findings.append(
            Finding("repaired", "info", f"--repair left {left_out:,} of {len(table):,} rows out.")
        )
        table, content = mended, task.inspect(mended, columns)
    return table, guesses, [*table.notes, *findings, *content]


def _stop_on_errors(findings: list[Finding]) -> None:
    errors = [finding for finding in findings if finding.level == "error"]
    if errors:
        raise DataError("\n".join(str(finding) for finding in errors), findings)


def _make_examples(
    task: Task, table: Table, columns: dict[str, str], recipe: Recipe | None, request: Request
) -> Examples:
    shares = recipe.data if recipe else DataChoice(source="", digest="", columns={})
    seed = recipe.training.seed if recipe else request.seed
    examples = task.to_examples(table, columns, seed=seed, validation=shares.validation, test=shares.test)
    empty = [name for name, count in count_rows(examples.frame["split"].to_numpy()).items() if count == 0]
    if empty:
        raise DataError(
            f"After splitting, no rows are left for {' and '.join(empty)}. Collect more examples, or "
            "fewer rows per document."
        )
    return examples


def _unmeasured_findings(examples: Examples) -> list[Finding]:
    """Classes that live in so few documents that all of them are needed to train."""
    frame = examples.frame
    tested = set(frame.loc[frame["split"] == "test", "label"])
    names = [repr(name) for number, name in enumerate(examples.labels) if number not in tested]
    if "group" not in frame or not names:
        return []
    return [
        Finding(
            "unmeasured_class",
            "warning",
            f"No test row shows {', '.join(names[:5])}: a document stays in one split, and there "
            "are too few documents with such rows.",
            "Collect more of them; or let the rows of a document part: --column document=",
        )
    ]


def _find_base(request: Request, hub: Hub | None) -> BaseModel:
    endpoint = hub.endpoint if hub else chosen_endpoint(request.endpoint)
    token = hub.token if hub else request.token
    name = request.base
    if name is None and hub is not None and hub.user is not None:
        from huggingface_hub.errors import HfHubHTTPError

        own = f"{hub.user}/{STARTER_BASE}"
        try:
            if hub.api().repo_exists(own):
                name = own
        except HfHubHTTPError as error:
            raise HubError(
                f"The Hub at {hub.endpoint} answers with an error ({error}).", endpoint=hub.endpoint
            ) from error
    base = find_base(name, home=request.home, endpoint=endpoint, token=token, revision=request.base_revision)
    if not base.model_type:
        raise BaseModelError(
            f"The config.json of {base.id} names no model_type; transformers cannot load it."
        )
    return base


def _token_lengths(base: BaseModel, examples: Examples) -> np.ndarray:
    """Tokens of every row: exact for the first thousands, by the number of words for the rest."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base.folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = list(examples.frame["text"])
    positions = np.random.default_rng(0).permutation(len(texts))[:_LENGTH_SAMPLE]
    sampled = np.array(
        [
            len(encoding.ids)
            for encoding in tokenizer.encode_batch([texts[position] for position in positions])
        ]
    )
    words = np.array([len(text.split()) for text in texts])
    ratio = sampled.sum() / max(1, words[positions].sum())
    lengths = np.maximum(3, (words * ratio).astype(int))
    lengths[positions] = sampled
    return lengths


def _choose_training(request: Request, base: BaseModel, examples: Examples, lengths: np.ndarray) -> Training:
    longest = int(np.quantile(lengths, 0.995))
    max_length = min(base.max_positions, MAX_LENGTH, -(-longest // 8) * 8)
    training = default_training(
        request.method,
        train_rows=int((examples.frame["split"] == "train").sum()),
        num_labels=len(examples.labels),
        precision=native_precision(),
        seed=request.seed,
        max_length=request.max_length or max(16, max_length),
    )
    if training.max_length > base.max_positions:
        raise BaseModelError(
            f"{base.id} reads at most {base.max_positions} tokens; --max-length {training.max_length} is too much."
        )
    given: dict[str, Any] = {
        "epochs": request.epochs,
        "learning_rate": request.learning_rate,
        "batch_rows": request.batch_rows,
    }
    return replace(training, **{name: value for name, value in given.items() if value is not None})


def _seen_findings(base: BaseModel, examples: Examples) -> list[Finding]:
    test = examples.frame.loc[examples.frame["split"] == "test", "key"]
    seen = int(test.isin(keys_learned_from(base, set(test))).sum())
    if not seen:
        return []
    return [
        Finding(
            SEEN_BY_BASE,
            "warning",
            f"{base.id} was itself trained or tuned on {counted(seen, 'text', 'texts')} of the {len(test):,} test "
            "rows; what is measured on them is too good.",
            "Take the base that it was made from, or the seed and the splits that it was trained with.",
            count=seen,
        )
    ]


def _length_findings(lengths: np.ndarray, max_length: int) -> list[Finding]:
    cut = float((lengths > max_length).mean())
    if cut < 0.02:
        return []
    return [
        Finding(
            "truncated",
            "info",
            f"{cut:.0%} of the texts are longer than {max_length} tokens; the model reads their beginning.",
            "To read more, at the price of time: --max-length 512",
        )
    ]


def _pin_data(request: Request, table: Table, columns: dict[str, str], recipe: Recipe | None) -> DataChoice:
    shares = recipe.data if recipe else DataChoice(source="", digest="", columns={})
    return DataChoice(
        source=request.data if table.revision else Path(request.data).name,
        digest=table.digest,
        columns=columns,
        revision=table.revision,
        encoding=request.encoding,
        splits="given" if table.split is not None else "by content",
        validation=shares.validation,
        test=shares.test,
        repair=request.repair,
    )


def _find_hub(request: Request) -> tuple[Hub | None, list[Finding]]:
    """The Hub, if one answers, and what keeps us from publishing there. A named repository must be open to us."""
    named = request.publish and request.to is not None
    hub = None
    try:
        hub = connect(chosen_endpoint(request.endpoint), request.token)
        if request.publish:
            check_target(hub, request.to or f"{hub.user}/model")
    except HubError as error:
        if named:
            raise
        if request.publish:
            return hub, [Finding(UNPUBLISHABLE, "warning", str(error), "Or keep the model here: --no-publish")]
    return hub, []


def _choose_target(request: Request, hub: Hub | None, base: BaseModel) -> str | None:
    if not request.publish or hub is None or hub.user is None:
        return None
    to = request.to or _name_target(hub.user, request.stem, base)
    check_target(hub, to)
    return to


def _name_target(user: str, stem: str, base: BaseModel) -> str:
    """A repository named after data and base. A base's folder may be called what no repository may: "my model (1)"."""
    of_base = re.sub(r"([^A-Za-z0-9._]|\.{2,})+", "-", base.id.split("/")[-1]).strip("-.")
    return f"{user}/{stem}-{of_base}"[:96].rstrip("-.").removesuffix(".git")


def _differences(wanted: Recipe, found: Recipe, table: Table) -> list[Finding]:
    """What keeps a recipe from giving the same numbers. Other data or another base is an error, not a note."""
    if not table.is_pinned_by(wanted.data.digest):
        raise DataError(
            f"The recipe was flown on other content of {wanted.data.source} (sha256 or commit "
            f"{wanted.data.digest[:12]}, here {found.data.digest[:12]})."
        )
    if wanted.base.digest != found.base.digest:
        raise BaseModelError(
            f"The recipe's base {wanted.base.id} has other weights than {found.base.id} here."
        )
    changed = [
        f"{name} {version} (here {found.versions.get(name, 'missing')})"
        for name, version in wanted.versions.items()
        if found.versions.get(name) != version
    ]
    if not changed:
        return []
    return [
        Finding(
            "other_versions",
            "warning",
            f"The recipe was flown with {', '.join(changed)}; numbers may differ slightly.",
        )
    ]
