"""Likes and followers."""

from dataclasses import dataclass
from datetime import datetime

from wingman.hub.accounts.model import User
from wingman.hub.repos.model import Repo


@dataclass(frozen=True, slots=True)
class Like:
    """A repository that somebody likes; `id` leads to the next page."""

    id: int
    repo: Repo
    at: datetime


@dataclass(frozen=True, slots=True)
class Fan:
    """Somebody who likes or follows, or is followed; `id` leads to the next page."""

    id: int
    user: User
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialCounts:
    num_likes: int
    num_followers: int
    num_following: int
    is_followed: bool
    """Whether the caller follows this account."""
