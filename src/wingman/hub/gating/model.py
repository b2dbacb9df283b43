"""Requests for access to a gated repository."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from wingman.hub.accounts.model import User
from wingman.hub.errors import Conflict, NotFound
from wingman.hub.repos.model import RepoId


class AccessStatus(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    id: int
    repo_id: RepoId
    user: User
    status: AccessStatus
    at: datetime
    """When it was asked for or granted."""
    asked: bool
    """Whether the user asked; else an owner granted it unasked, and never learnt the user's address."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What the user filled into the gate's form."""
    rejection_reason: str = ""


class AccessRequestMissing(NotFound):
    def __init__(self, who: str) -> None:
        super().__init__(f"There is no access request of {who} for this repository.")
        self.who = who


class AccessDecided(Conflict):
    """The request stands already where it was to be brought."""

    def __init__(self, who: str, status: AccessStatus) -> None:
        super().__init__(f"The access request of {who} is {status.value} already.")
        self.who, self.status = who, status
