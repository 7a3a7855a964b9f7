"""The demo as a user types it, against a service of its own: it ends with its report, also when the service is killed."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.service, pytest.mark.timeout(400)]

LIMIT_S = 300
KILL_AT = 120  # days that are clean


@pytest.fixture
def home(tmp_path):
    yield tmp_path / "home"
    ended(called(tmp_path / "home", "stop"))


def called(home, *words):
    command = [sys.executable, "-m", "jupyter_fn.cli.main", *words, "--home", str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(child):
    """Exit code, standard output, standard error."""
    out, err = child.communicate(timeout=LIMIT_S)
    return child.returncode, out, err


def checks(out):
    return [line.split()[0] for line in out.splitlines() if line.startswith(("  ok ", "  WRONG "))]


def document(home, *words):
    return json.loads(ended(called(home, *words, "--json"))[1])


def test_it_ends_with_its_report_and_every_check_holds(home):
    code, out, err = ended(called(home, "demo"))
    assert code == 0, err
    assert checks(out) == ["ok"] * 8, out
    assert "365 days in, 365 succeeded" in out
    assert "336,776 rows" in out
    assert "2013-12" in out
    assert "365 of 365 days arrived, 365 cleaned, 365 reported" in err
    folder = next(line for line in out.splitlines() if line.startswith("Files arrive in ")).split()[-1]
    assert not os.path.exists(os.path.dirname(folder))


def test_killed_in_the_middle_it_ends_complete_and_nothing_is_there_twice(home, tmp_path):
    keep = tmp_path / "kept"
    demo = called(home, "demo", "--keep", str(keep))
    wait_for(lambda: demo.poll() is not None or len(list((keep / "clean").glob("2*"))) >= KILL_AT)
    os.kill(json.loads((home / "service.json").read_text())["pid"], signal.SIGKILL)
    assert ended(called(home, "start"))[0] == 0
    code, out, err = ended(demo)
    assert code == 0, err
    assert checks(out) == ["ok"] * 8, out
    assert len(list((keep / "clean").iterdir())) == len(list((keep / "landing").iterdir())) == 365
    assert [audit["done"] for audit in (document(home, "audit", n) for n in ("clean_day", "monthly_delays"))] == [
        365
    ] * 2


def wait_for(there):
    end = time.monotonic() + LIMIT_S
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)
