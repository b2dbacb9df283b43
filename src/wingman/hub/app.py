"""Putting the Hub together: the one place that names implementations, and the ASGI application on top."""

import logging
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from wingman import __version__
from wingman.hub.accounts import routes as accounts_routes
from wingman.hub.accounts.service import AccountService
from wingman.hub.blobs.opening import open_blobs
from wingman.hub.blobs.store import Blobs
from wingman.hub.collections import routes as collections_routes
from wingman.hub.collections.service import CollectionService
from wingman.hub.commits import routes as commits_routes
from wingman.hub.commits.service import CommitService
from wingman.hub.contents import routes as contents_routes
from wingman.hub.contents.service import ContentService
from wingman.hub.database import open_engine
from wingman.hub.discussions import routes as discussions_routes
from wingman.hub.discussions.pull_requests import PullRequestService
from wingman.hub.discussions.service import DiscussionService
from wingman.hub.errors import HubError, NotFound
from wingman.hub.files.model import LargeFile
from wingman.hub.files.reading import LargeFileReader
from wingman.hub.flights import routes as flights_routes
from wingman.hub.flights.live import FlightWatch
from wingman.hub.flights.service import FlightService
from wingman.hub.flights.worker import FlightWorker
from wingman.hub.gating import routes as gating_routes
from wingman.hub.gating.service import AccessRequestService
from wingman.hub.git.wire import routes as git_routes
from wingman.hub.git.wire.service import GitWire
from wingman.hub.http.errors import error_response, handle_crash
from wingman.hub.http.intake import Intake
from wingman.hub.http.middleware import EdgeMiddleware
from wingman.hub.http.requests import HubRequest, route
from wingman.hub.inference import routes as inference_routes
from wingman.hub.inference.service import InferenceService
from wingman.hub.lfs import routes as lfs_routes
from wingman.hub.lfs.service import LfsService
from wingman.hub.repos import routes as repos_routes
from wingman.hub.repos.downloads import DownloadCounter
from wingman.hub.repos.model import RepoKind
from wingman.hub.repos.service import RepoService
from wingman.hub.schema import bring_up_to_date
from wingman.hub.signing.service import Signer, open_signer
from wingman.hub.social import routes as social_routes
from wingman.hub.social.service import SocialService
from wingman.hub.storage import SqlStore
from wingman.hub.viewer.service import ViewerService
from wingman.hub.web import routes as web_routes
from wingman.hub.web.page import crash_page, missing_page, wants_page
from wingman.hub.weights.counter import ParameterCounter
from wingman.hub.weights.service import WeightsService
from wingman.hub.xet import routes as xet_routes
from wingman.hub.xet.contents import ChunkedContents
from wingman.hub.xet.ingest import Ingestor
from wingman.hub.xet.registration import ShardRegistrar
from wingman.hub.xet.service import XetService
from wingman.settings import Settings

log = logging.getLogger("wingman.hub")


@dataclass(frozen=True, slots=True)
class Hub:
    """Every service of one Hub. Routes reach it as `request.hub`; tests build it with `open_hub`."""

    settings: Settings
    store: SqlStore
    blobs: Blobs
    signer: Signer
    accounts: AccountService
    repos: RepoService
    contents: ContentService
    commits: CommitService
    discussions: DiscussionService
    pull_requests: PullRequestService
    access_requests: AccessRequestService
    social: SocialService
    collections: CollectionService
    downloads: DownloadCounter
    large_files: LargeFileReader
    inference: InferenceService
    viewer: ViewerService
    flights: FlightService
    flight_watch: FlightWatch
    flight_worker: FlightWorker
    intake: Intake
    xet: XetService
    shards: ShardRegistrar
    lfs: LfsService
    git_wire: GitWire
    ingestor: Ingestor
    weights: WeightsService
    parameter_counter: ParameterCounter

    def stream_large_file(self, file: LargeFile, start: int, end: int) -> Iterator[bytes]:
        return self.large_files.stream(file, start, end)

    def read_large_file(self, file: LargeFile, start: int, end: int) -> bytes:
        return b"".join(self.large_files.stream(file, start, min(end, file.size)))

    def close(self) -> None:
        """Flush what is in memory and let go of the stores."""
        self.viewer.close()
        self.shards.close()
        self.intake.close()
        self.git_wire.close()
        self.ingestor.close()
        self.parameter_counter.close()
        self.downloads.close()
        self.store.close()


def open_store(settings: Settings) -> SqlStore:
    """The database alone, at the newest schema: what administration commands need."""
    engine = open_engine(settings.resolved_database_url)
    bring_up_to_date(engine)
    return SqlStore(engine, open_blobs(settings.resolved_storage_url))


def open_hub(settings: Settings) -> Hub:
    """Open the stores, bring the schema up to date, and assemble the services."""
    blobs = open_blobs(settings.resolved_storage_url)
    engine = open_engine(settings.resolved_database_url)
    bring_up_to_date(engine)
    store = SqlStore(engine, blobs)
    accounts = AccountService(store)
    signer = open_signer(store)
    chunked = ChunkedContents(store, blobs)
    min_free_bytes = settings.min_free_disk_mb * 1_000_000
    max_file_bytes = settings.max_upload_gb * 10**9
    lfs = LfsService(
        store,
        blobs,
        signer,
        max_file_bytes=max_file_bytes,
        min_free_bytes=min_free_bytes,
        link_seconds=settings.transfer_hours * 3600,
    )
    repos = RepoService(store)
    flight_watch = FlightWatch(store)
    flights = FlightService(store, blobs, on_change=flight_watch.announce)
    commits = CommitService(store, max_regular_bytes=settings.max_regular_file_mb * 1_000_000)
    contents, large_files = ContentService(store), LargeFileReader(blobs, chunked)
    weights = WeightsService(contents, large_files)
    return Hub(
        settings=settings,
        store=store,
        blobs=blobs,
        signer=signer,
        accounts=accounts,
        repos=repos,
        contents=contents,
        commits=commits,
        discussions=DiscussionService(store),
        pull_requests=PullRequestService(store, commits),
        access_requests=AccessRequestService(store),
        social=SocialService(store),
        collections=CollectionService(store),
        downloads=DownloadCounter(store),
        large_files=large_files,
        inference=InferenceService(
            accounts,
            folder=settings.home / "cache" / "inference",
            max_workers=settings.max_serve_workers,
            idle_timeout_s=settings.serve_idle_minutes * 60,
        ),
        viewer=ViewerService(
            contents,
            large_files,
            folder=settings.home / "cache" / "viewer",
            min_free_bytes=min_free_bytes,
        ),
        flights=flights,
        flight_watch=flight_watch,
        flight_worker=FlightWorker(
            store,
            accounts,
            repos,
            flights,
            home=settings.home,
            max_flights=settings.max_flights,
            on_change=flight_watch.announce,
        ),
        intake=Intake(),
        xet=XetService(
            store,
            blobs,
            signer,
            min_free_bytes=min_free_bytes,
        ),
        shards=ShardRegistrar(store, chunked, max_file_bytes=max_file_bytes),
        lfs=lfs,
        git_wire=GitWire(
            store,
            settings.hub_folder / "cache" / "git",
            max_regular_bytes=settings.max_regular_file_mb * 1_000_000,
        ),
        ingestor=Ingestor(store, blobs, min_free_bytes=min_free_bytes, housekeeping=lfs.drop_abandoned_parts),
        weights=weights,
        parameter_counter=ParameterCounter(store, weights),
    )


def create_app(hub: Hub) -> Starlette:
    """The ASGI application over an opened Hub; closes it at shutdown."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        hub.ingestor.start()
        hub.parameter_counter.start()
        hub.flight_worker.start()
        yield
        hub.flight_watch.close()
        await hub.flight_worker.close()
        await hub.inference.close()
        hub.close()

    app = Starlette(
        routes=_routes(),
        lifespan=lifespan,
        middleware=[Middleware(EdgeMiddleware, allowed_origins=hub.settings.allowed_origins.split())],
        exception_handlers={404: _unknown_address, 405: _wrong_method, Exception: _crashed},
    )
    app.state.hub = hub
    return app


def _routes() -> Sequence[BaseRoute]:
    """The order matters: `/{namespace}/{name}/…` matches much, so everything with a fixed start comes first."""
    return [
        route("/healthz", _health),
        Route("/api/agent-harnesses", lambda _: JSONResponse({}), methods=["GET"]),
        *xet_routes.routes,
        *lfs_routes.routes,
        *git_routes.routes,
        *accounts_routes.routes,
        *commits_routes.routes,
        *contents_routes.routes,
        *discussions_routes.routes,
        *gating_routes.routes,
        *social_routes.routes,
        *collections_routes.routes,
        *inference_routes.routes,
        *flights_routes.routes,
        *repos_routes.routes,
        *web_routes.routes,
    ]


def _health(request: HubRequest) -> Response:
    """Ready to work: the database answers."""
    with request.hub.store.read() as tx:
        tx.secrets.get("signing")
    return JSONResponse({"status": "ok", "version": __version__})


async def _unknown_address(request: Request, error: Exception) -> Response:
    """An address without a route. Clients that ask below a repository want to hear if it is that which is missing."""
    path = request.scope["path"]
    if wants_page(request):
        return await run_in_threadpool(missing_page, request)
    below = _BELOW_A_REPO.match(path)
    if below is not None:
        try:
            await run_in_threadpool(_find_repo, HubRequest(request.scope, request.receive), below)
        except HubError as refusal:
            return error_response(refusal, base_url="")
    return error_response(NotFound(f"There is nothing at {path}."), base_url="")


_BELOW_A_REPO = re.compile(
    r"/api/(?P<api>models|datasets|spaces)/(?P<api_name>[^/]+(?:/[^/]+)?)"
    r"|/(?:(?P<web>datasets|spaces)/)?(?P<web_name>[^/]+(?:/[^/]+)?)/resolve/"
)


def _find_repo(request: HubRequest, below: re.Match[str]) -> None:
    """Raises `RepoMissing`, also for a name without a namespace, as the public Hub's oldest models have."""
    kind = RepoKind((below["api"] or below["web"] or "models").removesuffix("s"))
    request.hub.repos.find(request.caller, kind, unquote(below["api_name"] or below["web_name"]))


async def _crashed(request: Request, error: Exception) -> Response:
    return await (crash_page if wants_page(request) else handle_crash)(request, error)


async def _wrong_method(request: Request, error: Exception) -> Response:
    return PlainTextResponse("Method Not Allowed", 405, getattr(error, "headers", None))
