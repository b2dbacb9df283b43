"""The contract for likes and followers. Lists are newest first; `after` is the id of the last one seen."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from wingman.hub.access.model import Visibility
from wingman.hub.accounts.model import NamespaceId
from wingman.hub.repos.model import RepoId
from wingman.hub.social.model import Fan, Like


class Social(Protocol):
    def like(self, repo_id: RepoId, user_id: NamespaceId, at: datetime) -> bool:
        """Whether that was new; then the repository's count grew too."""

    def unlike(self, repo_id: RepoId, user_id: NamespaceId) -> bool:
        """Whether there was a like; then the repository's count shrank too."""

    def likers(self, repo_id: RepoId, *, after: int | None, limit: int) -> Sequence[Fan]: ...

    def likes(
        self, user_id: NamespaceId, visible_to: Visibility, *, after: int | None, limit: int
    ) -> Sequence[Like]:
        """What a user likes, of the repositories that may be seen."""

    def num_likes(self, user_id: NamespaceId, visible_to: Visibility) -> int: ...

    def has_liked(self, repo_id: RepoId, user_id: NamespaceId) -> bool: ...

    def follow(self, follower_id: NamespaceId, followed_id: NamespaceId, at: datetime) -> bool:
        """Whether that was new."""

    def unfollow(self, follower_id: NamespaceId, followed_id: NamespaceId) -> bool:
        """Whether there was something to end."""

    def followers(self, followed_id: NamespaceId, *, after: int | None, limit: int) -> Sequence[Fan]:
        """Who follows a user or an organisation."""

    def following(self, follower_id: NamespaceId, *, after: int | None, limit: int) -> Sequence[Fan]:
        """The users that a user follows."""

    def num_followers(self, followed_id: NamespaceId) -> int: ...

    def num_following(self, follower_id: NamespaceId) -> int: ...

    def is_following(self, follower_id: NamespaceId, followed_id: NamespaceId) -> bool: ...
