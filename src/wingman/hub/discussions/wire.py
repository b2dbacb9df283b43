"""Discussions as JSON. Source: reference of the wire contract, section 8."""

from collections.abc import Sequence
from typing import Any

from wingman.hub.discussions.model import Comment, Discussion, DiscussionEvent
from wingman.hub.discussions.pull_requests import Proposal
from wingman.hub.discussions.rendering import render_comment
from wingman.hub.http.dates import iso
from wingman.hub.ids import wire_id
from wingman.hub.repos.model import Repo


def discussion_json(discussion: Discussion, repo: Repo, *, base_url: str) -> dict[str, Any]:
    """One row of a list."""
    return {
        "num": discussion.num,
        "title": discussion.title,
        "status": discussion.status.value,
        "isPullRequest": discussion.is_pull_request,
        "createdAt": iso(discussion.created_at),
        "author": _author_json(discussion.author, base_url),
        "repo": {"name": repo.full_name, "type": repo.kind.value},
        "numComments": discussion.num_comments,
    }


def details_json(
    discussion: Discussion,
    repo: Repo,
    events: Sequence[DiscussionEvent],
    *,
    proposal: Proposal | None,
    base_url: str,
) -> dict[str, Any]:
    """One discussion with its timeline; `proposal` is None where it was not asked for or may not be read."""
    answer = discussion_json(discussion, repo, base_url=base_url)
    answer["events"] = [event_json(event, base_url=base_url) for event in events]
    if discussion.is_pull_request:
        changes: dict[str, Any] = {"base": discussion.base}
        if discussion.merge_commit is not None:
            changes["mergeCommitId"] = discussion.merge_commit
        answer |= {"changes": changes, "filesWithConflicts": list(proposal.conflicts) if proposal else []}
        if proposal is not None:
            answer["diff"] = proposal.diff
    return answer


def event_json(event: DiscussionEvent, *, base_url: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "id": wire_id(event.id),
        "type": event.kind.value,
        "createdAt": iso(event.at),
        "data": dict(event.facts),
    }
    if event.author is not None:
        answer["author"] = _author_json(event.author, base_url)
    if event.comment is not None:
        answer["data"] = _comment_json(event, event.comment, base_url)
    return answer


def _comment_json(event: DiscussionEvent, comment: Comment, base_url: str) -> dict[str, Any]:
    latest: dict[str, Any] = {
        "raw": comment.text,
        "html": "" if comment.hidden else render_comment(comment.text),
        "updatedAt": iso(comment.edited_at or event.at),
    }
    editor = comment.edited_by or event.author
    if editor is not None:
        latest["author"] = _author_json(editor, base_url)
    return {
        "edited": comment.edited_at is not None,
        "hidden": comment.hidden,
        "numEdits": len(comment.history),
        "latest": latest,
        "history": [
            {"raw": version.text, "html": render_comment(version.text), "updatedAt": iso(version.until)}
            for version in comment.history
        ],
    }


def _author_json(name: str, base_url: str) -> dict[str, Any]:
    return {"name": name, "type": "user", "avatarUrl": f"{base_url}/avatars/{name}.svg"}
