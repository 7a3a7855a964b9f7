"""The service of a home: found through service.json, started once, stopped for good."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jupyter_fn.client import address
from jupyter_fn.client.address import Address, alive, read_address, resolve_home, start_service, stop_service
from jupyter_fn.model.errors import HomeRefused, ServiceError, ServiceNotRunning, ServiceOwnedElsewhere

SERVICE = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"{}")
        if self.path == "/stop":
            os._exit(0)
    def log_message(self, *args): pass
home = sys.argv[1]
with open(f"{home}/births", "a") as births:
    births.write("x")
server = HTTPServer(("127.0.0.1", 0), Health)
with open(f"{home}/new", "w") as file:
    json.dump({"url": f"http://127.0.0.1:{server.server_port}", "token": "t", "pid": os.getpid()}, file)
os.rename(f"{home}/new", f"{home}/service.json")
print(sorted(name for name in os.environ if name.startswith("JPY_") or name == "MPLBACKEND"), flush=True)
server.serve_forever()
"""


@pytest.fixture
def service(monkeypatch, tmp_path):
    """Replaces the service by a tiny one; `service(text)` by another program."""

    def become(program):
        monkeypatch.setattr(address, "serve_command", lambda home, **_: [sys.executable, "-c", program, str(home)])

    become(SERVICE)
    yield become
    stop_service(tmp_path, ask=lambda: stop(tmp_path))


def stop(home):
    import httpx

    httpx.get(f"{read_address(home).url}/stop")


def test_a_home_that_nobody_serves_says_how_to_start(tmp_path):
    with pytest.raises(ServiceNotRunning) as caught:
        read_address(tmp_path)
    assert caught.value.remedy == "Start it with: jupyter fn start"


@pytest.mark.parametrize("content", ["", "{}", '{"url": 1', '{"url": "u", "token": "t", "pid": "x"}', "[]"])
def test_an_unreadable_address_is_no_address(tmp_path, content):
    (tmp_path / "service.json").write_text(content)
    with pytest.raises(ServiceNotRunning):
        read_address(tmp_path)


def test_a_home_that_is_a_file_has_no_address_and_cannot_be_made(tmp_path):
    home = tmp_path / "home"
    home.write_text("")
    for place in (home, home / "below"):
        with pytest.raises(ServiceNotRunning):
            read_address(place)
        with pytest.raises(HomeRefused, match="cannot be made"):
            start_service(place)


def test_a_home_of_somebody_else_is_refused(tmp_path, monkeypatch):
    def refused(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refused)
    with pytest.raises(ServiceOwnedElsewhere):
        read_address(tmp_path)
    monkeypatch.setattr("pathlib.Path.open", refused)
    with pytest.raises(HomeRefused, match="cannot be written: Permission denied"):
        start_service(tmp_path)


def test_the_address_of_a_process_that_is_gone_is_no_address(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / "service.json").write_text(json.dumps({"url": "u", "token": "t", "pid": gone.pid}))
    with pytest.raises(ServiceNotRunning):
        read_address(tmp_path)


def test_a_zombie_is_not_alive():
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as child:
        child.stdout.read()  # its end of the pipe closes when it exits; nobody has reaped it yet
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not alive(child.pid)


def test_the_token_does_not_show():
    assert "secret" not in repr(Address("http://x", "secret", 1))


def test_starting_finds_the_new_service_and_then_the_same_again(tmp_path, service, monkeypatch):
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    first = start_service(tmp_path)
    assert alive(first.pid)
    assert start_service(tmp_path) == first
    assert (tmp_path / "service.log").read_text() == "[]\n"  # nothing of the kernel around it


def test_starters_at_the_same_time_start_one_service(tmp_path, service):
    gate = threading.Barrier(4)

    def starter(_):
        gate.wait()
        return start_service(tmp_path)

    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(starter, range(4)))
    assert len(found) == 1
    assert (tmp_path / "births").read_text() == "x"


def test_stopping_waits_until_the_process_is_gone(tmp_path, service):
    started = start_service(tmp_path)
    assert stop_service(tmp_path, ask=lambda: stop(tmp_path)) is True
    assert not alive(started.pid)
    assert stop_service(tmp_path, ask=lambda: pytest.fail("nobody is there to ask")) is False


def test_a_service_that_does_not_stop_is_named(tmp_path, service):
    started = start_service(tmp_path)
    with pytest.raises(ServiceError, match=f"pid {started.pid}"):
        stop_service(tmp_path, ask=lambda: None, limit_s=0.05)


def test_a_service_that_dies_at_once_says_its_own_two_lines(tmp_path, service):
    service("import sys; sys.exit('The home is on nfs.\\nName a local folder.')")
    (tmp_path / "service.log").write_text("of an earlier life\n")
    with pytest.raises(ServiceError) as caught:
        start_service(tmp_path)
    assert caught.value.cause == "The service did not start: The home is on nfs."
    assert caught.value.remedy == "Name a local folder."


@pytest.mark.parametrize(("program", "said"), [("1/0", "ZeroDivisionError"), ("raise SystemExit(3)", "exit code 3")])
def test_a_service_that_crashes_says_its_last_word(tmp_path, service, program, said):
    service(program)
    with pytest.raises(ServiceError, match=said) as caught:
        start_service(tmp_path)
    assert "service.log" in caught.value.remedy


def test_a_service_that_never_answers_is_given_up(tmp_path, service):
    service("import sys; sys.stdin = open(sys.argv[1] + '/fifo')")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ServiceError, match="did not answer within"):
        start_service(tmp_path, limit_s=0.1)
    with (tmp_path / "fifo").open("w"):
        pass  # lets it end


def test_a_home_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeRefused, match="Not a directory"):
        start_service(tmp_path / "file" / "home")


def test_the_home_is_the_one_given_or_the_one_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_FN_HOME", str(tmp_path))
    assert resolve_home() == tmp_path
    assert resolve_home("~/x").is_absolute()
