"""Where the service of a home answers: `home/service.json`, and starting or stopping the process behind it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..model.errors import HomeRefused, ServiceError, ServiceNotRunning, ServiceOwnedElsewhere

START_LIMIT_S = 30.0
STOP_LIMIT_S = 30.0
_LOOK_S = 0.02  # between two looks at service.json while waiting
_started: dict[int, subprocess.Popen[bytes]] = {}  # services this process started, kept so that they can be reaped


@dataclass(frozen=True, slots=True)
class Address:
    """What `home/service.json` holds."""

    url: str
    token: str = field(repr=False)
    pid: int


def resolve_home(home: Path | str | None = None) -> Path:
    """The home that is meant: the one given, else `$JUPYTER_FN_HOME`, else `jupyter_data_dir()/fn`."""
    if home:
        return Path(home).expanduser().absolute()
    from ..settings import default_home

    return default_home()


def read_address(home: Path) -> Address:
    """The address of the service that owns `home`.

    Raises:
        ServiceNotRunning: no service.json, a broken one, or one whose process is gone.
        ServiceOwnedElsewhere: it is another user's.
    """
    try:
        data = json.loads((home / "service.json").read_text())
        address = Address(str(data["url"]).rstrip("/"), str(data["token"]), int(data["pid"]))
    except PermissionError:
        raise ServiceOwnedElsewhere(
            f"The home {home} belongs to somebody else: its service.json cannot be read.", "Name another by --home."
        ) from None
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        raise not_running(home) from None
    if not alive(address.pid):
        raise not_running(home)
    return address


def not_running(home: Path) -> ServiceNotRunning:
    """The error that says so."""
    return ServiceNotRunning(f"No service is running for {home}.", "Start it with: jupyter fn start")


def alive(pid: int) -> bool:
    """Whether process `pid` lives. A zombie does not: in a container nobody may ever reap it."""
    if pid in _started:
        return _started[pid].poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError):
        # proc(5): the state letter follows the command, which stands in parentheses and may hold any character.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def healthy(address: Address) -> bool:
    """Whether `/healthz` answers there."""
    import httpx

    try:
        return httpx.get(f"{address.url}/healthz", timeout=5.0, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def find(home: Path) -> Address | None:
    """The address of a service that answers, or None."""
    with suppress(ServiceNotRunning):
        address = read_address(home)
        return address if healthy(address) else None
    return None


def start_service(
    home: Path,
    *,
    port: int | None = None,
    cluster: str | None = None,
    store: str | None = None,
    limit_s: float = START_LIMIT_S,
) -> Address:
    """The address of a running service, started detached when there is none; several callers at once start one.

    Its output goes to `home/service.log`. It outlives the caller.

    Raises:
        ServiceError: it ended by itself (with the last thing it said), or did not answer within `limit_s`.
        HomeRefused: the folder cannot be made or written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeRefused(f"The home {home} cannot be made: {error.strerror}.", "Name another by --home.") from None
    with _only_starter(home):
        command = serve_command(home, port=port, cluster=cluster)
        return find(home) or _launch(home, command, _environment(store), limit_s)


def stop_service(home: Path, *, ask: Callable[[], object], limit_s: float = STOP_LIMIT_S) -> bool:
    """Call `ask`, which must ask the service to stop, and wait until its process is gone. False when none was running.

    Raises:
        ServiceError: it still lives after `limit_s`.
    """
    try:
        address = read_address(home)
    except ServiceNotRunning:
        return False
    ask()
    for _ in _looks(limit_s):
        if not alive(address.pid):
            _started.pop(address.pid, None)
            return True
    raise ServiceError(
        f"The service (pid {address.pid}) did not stop within {limit_s:.0f} s.",
        f"Look into {home / 'service.log'}, or end that process.",
    )


@contextmanager
def _only_starter(home: Path) -> Iterator[None]:
    try:
        lock = (home / "start.lock").open("w")
    except OSError as error:
        raise HomeRefused(f"The home {home} cannot be written: {error.strerror}.", "Name another by --home.") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _launch(home: Path, command: list[str], environment: dict[str, str], limit_s: float) -> Address:
    log = home / "service.log"
    said_before = log.stat().st_size if log.exists() else 0
    child = _spawn(command, environment, home, log)
    for _ in _looks(limit_s):
        if child.poll() is not None:
            del _started[child.pid]
            raise _died(log, said_before, child.returncode)
        address = find(home)
        if address:
            return address
    raise ServiceError(f"The service did not answer within {limit_s:.0f} s.", f"Look into {log}.")


def serve_command(home: Path, *, port: int | None = None, cluster: str | None = None) -> list[str]:
    """The words that run the service of `home` in the foreground, by this very Python."""
    command = [sys.executable, "-m", "jupyter_fn.cli.main", "serve", "--home", str(home)]
    command += ["--port", str(port)] if port is not None else []
    command += ["--cluster", cluster] if cluster is not None else []
    return command


def _spawn(command: list[str], environment: dict[str, str], home: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started[child.pid] = child
    return child


def _environment(store: str | None) -> dict[str, str]:
    """Ours, without what describes the kernel we may be in: a service is nobody's kernel. `store` goes this way, for
    everybody can read the words of a command, and there may be a password in it."""
    inline = os.environ.get("MPLBACKEND", "").startswith("module://")
    dropped = {"MPLBACKEND"} if inline else set()
    ours = {k: v for k, v in os.environ.items() if not k.startswith("JPY_") and k not in dropped}
    return ours if store is None else {**ours, "JUPYTER_FN_STORE": store}


def _looks(limit_s: float) -> Iterator[None]:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        yield
        time.sleep(_LOOK_S)


def _died(log: Path, start: int, code: int) -> ServiceError:
    """What `serve` said last: its own two lines of cause and remedy, or the end of a traceback."""
    with log.open("rb") as file:
        file.seek(start)
        said = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    last = said[-1:] if any(line.startswith("Traceback") for line in said) else said[-2:]
    cause = last[0] if last else f"it ended with exit code {code} and said nothing."
    return ServiceError(f"The service did not start: {cause}", last[1] if len(last) > 1 else f"Look into {log}.")
