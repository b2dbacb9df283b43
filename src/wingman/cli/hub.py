"""`wingman up`, `down`, `status` and `admin`: running a Hub and provisioning it."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click
import psutil

from wingman.settings import Settings, load_settings

READY_TIMEOUT_S = 30.0

_home = click.option("--home", type=click.Path(file_okay=False), help="Folder of the Hub. [~/.wingman]")
_config = click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path), help="A TOML file with settings."
)


@dataclass(frozen=True, slots=True)
class RunningHub:
    """What `hub/running.json` in the home folder says about the process that serves it.

    started: when the process began, as `_began` tells it; another process may get its number after a crash.
    """

    pid: int
    url: str
    started: str

    @property
    def is_alive(self) -> bool:
        return _began(self.pid) == self.started


def _began(pid: int) -> str | None:
    """When a process began, in words that stay the same when somebody sets the clock; None when there is none.

    On Linux the boot, and the clock ticks from it (proc(5), /proc/[pid]/stat, field 22): the seconds since 1970 that
    psutil makes of them move with the clock. Other systems note the time when a process begins.
    """
    try:
        if sys.platform != "linux":
            return str(psutil.Process(pid).create_time())
        after_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()  # from field 3 on
        return f"{_boot()} {int(after_name[19])}"
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return None


def _boot() -> str:
    """An id that is new at every boot, so that ticks of one are not taken for those of another."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # some sandboxes have none
        return "this boot"


def _note(settings: Settings) -> Path:
    return settings.hub_folder / "running.json"


def find_running(settings: Settings) -> RunningHub | None:
    """The Hub that serves this home folder now, if there is one."""
    try:
        note = json.loads(_note(settings).read_text())
        running = RunningHub(note["pid"], note["url"], note["started"])
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return running if running.is_alive else None


def reach_hub(home: Path, named: str | None) -> tuple[str, str | None]:
    """(address, token) of the Hub to use: the one named, `HF_ENDPOINT`'s, else the one that runs here or would.

    Never a public Hub by accident. On the Hub that runs here, the administrator's first token will do where `HF_TOKEN`
    names none. It goes before a stored login, which does not tell its Hub: it may be somebody's at a public one.
    """
    settings = load_settings({"home": str(home)})
    running = find_running(settings)
    here = running.url if running else f"http://127.0.0.1:{settings.port}"
    endpoint = named or os.environ.get("HF_ENDPOINT") or here
    token = os.environ.get("HF_TOKEN", "").strip() or None  # Compose and CI set variables to nothing
    kept = home / "admin-token"
    is_here = running is not None and endpoint.rstrip("/") == running.url
    if token is None and is_here and kept.is_file():
        token = kept.read_text().strip()
    return endpoint.rstrip("/"), token


@click.command()
@_home
@_config
@click.option("--host", help="Address to listen on. [127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0 takes a free one. [8080]")
@click.option("--detach", is_flag=True, help="Start in the background and return when it is ready.")
def up(home: str | None, config: Path | None, host: str | None, port: int | None, detach: bool) -> None:
    """Start the Hub. The first start makes an administrator and says how to log in, once."""
    settings = load_settings({"home": home, "host": host, "port": port}, config=config)
    running = find_running(settings)
    if running is not None:
        if detach:
            click.echo(f"A Hub is running already: {running.url}")
            return
        raise click.ClickException(
            f"A Hub serves this folder already: {running.url} (process {running.pid})."
        )
    if detach:
        click.echo(start_in_background(settings, config)[1])
    else:
        _serve(settings)


def _serve(settings: Settings) -> None:
    import uvicorn  # the server and everything behind it: only when it is really started

    from wingman.hub.app import create_app, open_hub

    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    for talkative in ("alembic", "uvicorn"):  # each start would bury how to log in
        logging.getLogger(talkative).setLevel(max(logging.WARNING, logging.getLogger().level))
    listener = _listen(settings)
    url = settings.public_url or f"http://{_shown_host(settings.host)}:{listener.getsockname()[1]}"
    hub = open_hub(settings)
    _introduce(hub, url)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(hub),
            log_config=None,
            access_log=False,
            http="httptools",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=20,
            server_header=False,
            date_header=True,
            h11_max_incomplete_event_size=1 << 16,
        )
    )
    ask_to_end = server.handle_exit

    def end(sig: int, frame: FrameType | None) -> None:
        hub.flight_watch.close()  # the server waits for open answers, and streams of events end only when told to
        ask_to_end(sig, frame)

    server.handle_exit = end  # type: ignore[method-assign]
    settings.hub_folder.mkdir(parents=True, exist_ok=True)  # nothing else makes it where all state lies elsewhere
    _note(settings).write_text(json.dumps({"pid": os.getpid(), "url": url, "started": _began(os.getpid())}))
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        click.echo("Wingman has stopped.")  # uvicorn finishes its requests, then raises the Ctrl-C again
    finally:
        _note(settings).unlink(missing_ok=True)


def _listen(settings: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Is something else using that port? Choose another one with --port."
        ) from error
    listener.listen(2048)
    listener.set_inheritable(False)
    return listener


def _shown_host(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)


def _introduce(hub: Any, url: str) -> None:
    """Say where the Hub is and, on the very first start, how to get in."""
    secret = hub.accounts.ensure_first_admin()
    click.echo(f"Wingman is at {url}")
    if secret is None:
        return
    link = f"{url}/login/first?token={secret}"
    kept = hub.settings.home / "admin-token"
    kept.unlink(missing_ok=True)  # whoever may read an older file may not read this one
    with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
    click.echo(
        "This is its first start. The administrator is called `admin`.\n"
        f"  Set a password in the browser:  {link}\n"
        f"  Use it from Python and hf:      export HF_ENDPOINT={url} HF_TOKEN={secret}\n"
        f"The token is shown this once; it is also kept in {kept}."
    )
    sys.stdout.flush()


def start_in_background(settings: Settings, config: Path | None = None) -> tuple[RunningHub, str]:
    """Start a Hub that outlives this process; returns when it answers, with what it said on starting.

    Raises `click.ClickException` with the end of its log if it does not come up.
    """
    settings.hub_folder.mkdir(parents=True, exist_ok=True)
    log_path = settings.hub_folder / "hub.log"
    command = [sys.executable, "-m", "wingman.cli", "up", "--home", str(settings.home)]
    command += ["--host", settings.host, "--port", str(settings.port)]
    command += ["--config", str(config)] if config else []
    with log_path.open("ab") as log, log_path.open("rb") as seen:
        seen.seek(0, os.SEEK_END)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            running = find_running(settings)
            if running is not None and _answers(running.url):
                return running, _first_words(seen.read().decode("utf-8", "replace"))
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise click.ClickException(f"The Hub did not start; the end of {log_path} says why:\n{_tail(log_path)}")


def _first_words(log: str) -> str:
    """The Hub's introduction (where it is, how to log in) without the log lines, which begin with a date."""
    return "\n".join(line for line in log.splitlines() if not line[:4].isdigit())


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:])


@click.command()
@_home
@_config
def down(home: str | None, config: Path | None) -> None:
    """Stop the Hub that serves this home folder; transfers that are under way are finished first."""
    running = find_running(load_settings({"home": home}, config=config))
    if running is None:
        click.echo("No Hub is running here.")
        return
    os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + READY_TIMEOUT_S
    while running.is_alive and time.monotonic() < deadline:
        time.sleep(0.05)
    if running.is_alive:
        raise click.ClickException(
            f"The Hub (process {running.pid}) has not stopped after {READY_TIMEOUT_S:.0f} s."
        )
    click.echo("The Hub has stopped.")


@click.command()
@_home
@_config
def status(home: str | None, config: Path | None) -> None:
    """Say whether a Hub is running here, and where. Exit status 1 when none is."""
    running = find_running(load_settings({"home": home}, config=config))
    if running is None:
        raise click.ClickException("No Hub is running here. Start one with: wingman up")
    click.echo(f"Running at {running.url} (process {running.pid}).")


@click.group()
def admin() -> None:
    """Accounts, provisioning and restoring; works on a stopped and on a running Hub."""


@admin.command()
@click.argument("file", type=click.File("rb"))
@_home
@_config
def seed(file: Any, home: str | None, config: Path | None) -> None:
    """Create or update users, organizations, memberships and tokens from a JSON FILE (- for standard input)."""
    from wingman.hub.accounts.service import seed as seed_accounts
    from wingman.hub.app import open_store

    try:
        document = json.load(file)
    except ValueError as error:
        raise click.ClickException(f"{file.name} is not valid JSON: {error}") from error
    store = open_store(load_settings({"home": home}, config=config))
    counts = seed_accounts(store, document)
    store.close()
    click.echo(", ".join(f"{number} {what}" for what, number in counts.items()))


@admin.command("reset-password")
@click.argument("name")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@_home
@_config
def reset_password(name: str, password: str, home: str | None, config: Path | None) -> None:
    """Give the user NAME a new password and sign them out everywhere."""
    from wingman.hub.accounts.service import AccountService
    from wingman.hub.app import open_store

    store = open_store(load_settings({"home": home}, config=config))
    accounts = AccountService(store)
    accounts.set_password(accounts.find(name).id, password)
    store.close()
    click.echo(f"{name} has a new password.")


@admin.command()
@_home
@_config
def restored(home: str | None, config: Path | None) -> None:
    """To be said once after database or objects came back from a backup, before the Hub starts again.

    Clients remember which parts of large files the Hub has. From now on they forget it, and send again what was lost.
    """
    from wingman.hub.app import open_hub

    hub = open_hub(load_settings({"home": home}, config=config))
    hub.xet.start_epoch()
    hub.close()
    click.echo("Clients will send again what this Hub does not have.")
