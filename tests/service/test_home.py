"""A home has one owner, says where it answers to nobody else, and is free when its owner is dead."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest

from jupyter_fn.model.errors import HomeRefused, ServiceOwnedElsewhere
from jupyter_fn.service.home import announced, owned

OWNER = """
import sys, time
from pathlib import Path
from jupyter_fn.service.home import owned
with owned(Path(sys.argv[1])):
    print("mine", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def elsewhere(tmp_path):
    """Another process that owns the home."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, tmp_path / "home"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "mine\n"
    yield process
    process.kill()
    process.communicate()


def test_a_home_has_one_owner_at_a_time(tmp_path):
    with owned(tmp_path / "home"):
        assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
        with pytest.raises(ServiceOwnedElsewhere), owned(tmp_path / "home"):
            pass
    with owned(tmp_path / "home"):
        pass


def test_the_other_owner_is_named(tmp_path, elsewhere):
    with pytest.raises(ServiceOwnedElsewhere) as refused, owned(tmp_path / "home"):
        pass
    assert f"pid {elsewhere.pid}" in refused.value.cause
    assert "jupyter fn stop" in refused.value.remedy
    assert "PostgreSQL" in refused.value.remedy


def test_where_the_other_owner_answers_is_said(tmp_path):
    with owned(tmp_path / "home"), announced(tmp_path / "home", "http://127.0.0.1:4711", "secret"):
        with (
            pytest.raises(ServiceOwnedElsewhere, match=r"at http://127\.0\.0\.1:4711") as refused,
            owned(tmp_path / "home"),
        ):
            pass
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_the_death_of_its_owner_frees_it(tmp_path, elsewhere, signum):
    elsewhere.send_signal(signum)
    elsewhere.wait()
    with owned(tmp_path / "home"):
        assert (tmp_path / "home" / "service.lock").read_text() == str(os.getpid())


def test_an_owner_that_fails_frees_it_too(tmp_path):
    with pytest.raises(ValueError, match="no"), owned(tmp_path / "home"):
        raise ValueError("no")
    with owned(tmp_path / "home"):
        pass


def test_a_home_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeRefused) as refused, owned(tmp_path / "file" / "home"):
        pass
    assert "--home" in refused.value.remedy


def test_the_address_is_for_its_owner_and_gone_at_the_end(tmp_path):
    file = tmp_path / "service.json"
    with announced(tmp_path, "http://127.0.0.1:1", "secret"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert json.loads(file.read_text()) == {"url": "http://127.0.0.1:1", "token": "secret", "pid": os.getpid()}
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_a_dead_service_has_left_is_replaced(tmp_path):
    file = tmp_path / "service.json"
    file.write_text("{}")
    file.chmod(0o644)
    (tmp_path / f".service.json.{os.getpid()}").write_text("half")
    with announced(tmp_path, "http://127.0.0.1:1", "secret"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert json.loads(file.read_text())["token"] == "secret"


def test_the_end_of_a_service_whose_address_was_removed_is_no_error(tmp_path):
    with announced(tmp_path, "http://127.0.0.1:1", "secret"):
        (tmp_path / "service.json").unlink()
