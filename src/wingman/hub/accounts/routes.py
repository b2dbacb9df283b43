"""Who am I, and who are they."""

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wingman.hub.access.model import Caller
from wingman.hub.accounts.model import Organization, User
from wingman.hub.accounts.store import AccountMissing
from wingman.hub.accounts.wire import user_json
from wingman.hub.errors import Unauthorized
from wingman.hub.http.dates import iso
from wingman.hub.http.requests import HubRequest, route
from wingman.hub.repos.model import RepoKind


def whoami(request: HubRequest) -> Response:
    caller = request.caller
    if caller.user is None:
        raise Unauthorized("Invalid username or password.")
    user = caller.user
    return JSONResponse(
        {
            "type": "user",
            "id": f"{user.id:024x}",
            "name": user.name,
            "fullname": user.full_name,
            "email": user.email or None,
            "emailVerified": bool(user.email),
            "isPro": False,
            "canPay": False,
            "billingMode": "postpaid",  # clients know this and prepaid; nobody pays here
            "periodEnd": None,
            "avatarUrl": f"{request.base}/avatars/{user.name}.svg",
            "orgs": _organizations(request, caller),
            "auth": _auth(caller),
        }
    )


def _organizations(request: HubRequest, caller: Caller) -> list[dict[str, object]]:
    return [
        {
            "type": "org",
            "id": f"{item.organization.id:024x}",
            "name": item.organization.name,
            "fullname": item.organization.full_name,
            "email": None,
            "isEnterprise": False,
            "canPay": False,
            "avatarUrl": f"{request.base}/avatars/{item.organization.name}.svg",
            "roleInOrg": item.role.value,
            "resourceGroups": [],
        }
        for item in caller.memberships
    ]


def _auth(caller: Caller) -> dict[str, object]:
    if caller.token is None:
        return {"type": "session"}
    return {
        "type": "access_token",
        "accessToken": {
            "displayName": caller.token.name,
            "role": caller.token.role.value,
            "createdAt": iso(caller.token.created_at),
        },
    }


def user_overview(request: HubRequest) -> Response:
    user = _account(request, User)
    counts = {kind: request.hub.repos.num_repos(request.caller, user.id, kind) for kind in RepoKind}
    social = request.hub.social.counts(request.caller, user.id)
    return JSONResponse(
        {
            "user": user.name,
            "fullname": user.full_name,
            "avatarUrl": f"{request.base}/avatars/{user.name}.svg",
            "details": user.about,
            "isPro": False,
            "isFollowing": social.is_followed,
            "type": "user",
            "createdAt": iso(user.created_at),
            "numModels": counts[RepoKind.MODEL],
            "numDatasets": counts[RepoKind.DATASET],
            "numSpaces": counts[RepoKind.SPACE],
            "numDiscussions": request.hub.discussions.num_started_by(user.id),
            "numPapers": 0,
            "numUpvotes": 0,
            "numLikes": social.num_likes,
            "numFollowing": social.num_following,
            "numFollowers": social.num_followers,
            "orgs": [
                {
                    "id": f"{item.organization.id:024x}",
                    "name": item.organization.name,
                    "fullname": item.organization.full_name,
                    "avatarUrl": f"{request.base}/avatars/{item.organization.name}.svg",
                }
                for item in request.hub.accounts.memberships(user.id)
            ],
        }
    )


def organization_overview(request: HubRequest) -> Response:
    organization = _account(request, Organization)
    counts = {kind: request.hub.repos.num_repos(request.caller, organization.id, kind) for kind in RepoKind}
    social = request.hub.social.counts(request.caller, organization.id)
    return JSONResponse(
        {
            "name": organization.name,
            "fullname": organization.full_name,
            "avatarUrl": f"{request.base}/avatars/{organization.name}.svg",
            "details": organization.about,
            "isVerified": False,
            "isFollowing": social.is_followed,
            "type": "org",
            "numUsers": len(request.hub.accounts.members(organization.id)),
            "numModels": counts[RepoKind.MODEL],
            "numDatasets": counts[RepoKind.DATASET],
            "numSpaces": counts[RepoKind.SPACE],
            "numPapers": 0,
            "numFollowers": social.num_followers,
        }
    )


def organization_members(request: HubRequest) -> Response:
    organization = _account(request, Organization)
    members = request.hub.accounts.members(organization.id)
    return JSONResponse([user_json(user, base_url=request.base) for user, _ in members])


def _account(request: HubRequest, kind: type[User] | type[Organization]):
    name = request.segment("name")
    account = request.hub.accounts.find(name)
    if not isinstance(account, kind):
        raise AccountMissing(name)
    return account


routes: list[Route] = [
    route("/api/whoami-v2", whoami),
    route("/api/users/{name}/overview", user_overview),
    route("/api/organizations/{name}/overview", organization_overview),
    route("/api/organizations/{name}/members", organization_members),
]
