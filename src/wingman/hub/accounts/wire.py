"""Accounts as JSON, in lists."""

from typing import Any

from wingman.hub.accounts.model import User
from wingman.hub.ids import wire_id


def user_json(user: User, *, base_url: str) -> dict[str, Any]:
    return {
        "_id": wire_id(user.id),
        "user": user.name,
        "fullname": user.full_name,
        "avatarUrl": f"{base_url}/avatars/{user.name}.svg",
        "isPro": False,
        "type": "user",
    }
