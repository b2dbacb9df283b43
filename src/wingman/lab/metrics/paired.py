"""Is one classifier better than another on the same rows? McNemar's exact test, and what it means in words."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class PairedTest:
    """Two classifiers on the same `rows`: how many each alone gets right, and McNemar's exact p-value."""

    rows: int
    only_first: int
    only_second: int
    first_accuracy: float
    second_accuracy: float
    p_value: float

    @property
    def is_significant(self) -> bool:
        return self.p_value < SIGNIFICANT

    def as_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "only_first_right": self.only_first,
            "only_second_right": self.only_second,
            "first_accuracy": round(self.first_accuracy, 6),
            "second_accuracy": round(self.second_accuracy, 6),
            "p_value": self.p_value,
        }

    def in_words(self, first: str, second: str, *, share_documents: bool = False) -> str:
        """One sentence a person can act on; the better one's accuracy comes first.

        share_documents: whether rows of one document are among them. They are right or wrong together, which the test
        does not know; then it is said.
        """
        scores = {first: self.first_accuracy, second: self.second_accuracy}
        better, worse = (first, second) if self.only_first > self.only_second else (second, first)
        if not self.is_significant:
            better, worse = first, second
            claim = f"No difference between {first} and {second} that this test set can show"
        else:
            claim = f"{better} is better than {worse}"
        claim = claim[0].upper() + claim[1:] if claim.startswith("the ") else claim
        doubt = (
            " The test takes rows for independent, which rows of one document are not: p may be too small."
            if share_documents
            else ""
        )
        return (
            f"{claim}: {scores[better]:.3f} against {scores[worse]:.3f} on the same "
            f"{self.rows:,} test rows, McNemar p = {self.p_value:.2g}.{doubt}"
        )


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> PairedTest:
    """Exact two-sided McNemar test (binomial over the rows on which the two disagree). Both (n,) bool, same rows.

    Source: McNemar 1947, Psychometrika 12(2); exact form as in Dietterich 1998, section 3.1.
    """
    assert first_right.shape == second_right.shape, "a paired test needs the same rows for both"
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    disagreements = only_first + only_second
    p_value = binomtest(only_first, disagreements).pvalue if disagreements else 1.0
    return PairedTest(
        rows=len(first_right),
        only_first=only_first,
        only_second=only_second,
        first_accuracy=float(first_right.mean()) if len(first_right) else 0.0,
        second_accuracy=float(second_right.mean()) if len(second_right) else 0.0,
        p_value=float(p_value),
    )
