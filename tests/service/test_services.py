"""Several services as processes, on one PostgreSQL database: killed, stopped and continued, and the database itself killed."""

import signal
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.service, pytest.mark.timeout(180)]
NAMES = [f"f{n}" for n in range(6)]  # some for each service
EACH = 40
SLOW = """
import time
def handler(event):
    time.sleep(0.02)
    return event.get("n")
"""
GOES_ON_S = 10.0  # with a lease of 5 seconds, as the settings say


@pytest.fixture
def service(serve, tmp_path, postgres_url):
    """`service(name)` → one more, with a home of its own."""

    made = []

    def started(name, **settings):
        made.append(serve(home=tmp_path / name, store=postgres_url, **settings))
        assert made[-1].ready(), made[-1].wait()
        return made[-1]

    yield started
    for one in made:  # before the database is emptied: one that a failed test has left stopped holds its locks
        one.process.kill()


@pytest.fixture
def shares(postgres, postgres_url):
    """How many partitions each service leads."""

    def counted():
        query = "SELECT owner, count(*) FROM leases WHERE until > extract(epoch FROM clock_timestamp()) GROUP BY owner"
        return sorted(count for _, count in postgres.execute(query, postgres_url.rpartition("/")[2]))

    return counted


@pytest.fixture
def loaded(service, shares, make_draft, tmp_path, eventually):
    """Two services, and work for both: events by hand given to one, records to the other. A quarter of it is done."""
    one, other = service("one"), service("other")
    for name in NAMES:
        draft = make_draft(name, SLOW, folder=tmp_path, on=("topic:orders batch=1",), retries=3)
        one.http("POST", f"functions/{name}/versions", json=draft.to_dict())
    eventually(lambda: shares() == [8, 8], "the sharing out")
    for name in NAMES:
        other.http("POST", f"functions/{name}/map", json={"events": [{"n": n} for n in range(EACH)]})
    one.http("POST", "topics/orders", json={"records": [{"value": n} for n in range(10)]})
    eventually(lambda: len(done(one)) > len(NAMES) * EACH / 4, "some of the work")
    return one, other


def done(process):
    return process.http("GET", "runs", params={"state": "succeeded", "last": 100_000})


def all_is_done_once(process, eventually):
    """Everything that was asked for has ended well, and the ledger balances."""

    def open_runs():
        counts = process.http("GET", "status")
        return counts["queued"] + counts["running"]

    eventually(lambda: not open_runs(), "the end of all runs")
    for name in NAMES:
        audit = process.http("GET", f"functions/{name}/audit")
        assert audit["balanced"], audit
        assert (audit["done"], audit["dead"]) == (EACH + 10, 0)
    ended = [run["event_id"] for run in done(process)]
    assert len(ended) == len(set(ended))


def test_of_two_services_one_is_killed_and_the_other_goes_on_with_everything(loaded, shares, eventually):
    one, other = loaded
    other.kill()
    killed = time.monotonic()
    eventually(lambda: shares() == [16], "the take-over")
    assert time.monotonic() - killed < GOES_ON_S
    all_is_done_once(one, eventually)
    assert [service["url"] for service in one.http("GET", "status")["services"]] == [one.address["url"]]


def test_a_service_that_was_stopped_past_its_lease_does_no_harm_when_it_goes_on(loaded, shares, eventually):
    one, other = loaded
    other.process.send_signal(signal.SIGSTOP)
    eventually(lambda: shares() == [16], "the take-over")
    other.process.send_signal(signal.SIGCONT)
    eventually(lambda: shares() == [8, 8], "its return")
    all_is_done_once(one, eventually)
    assert len(done(other)) == len(done(one))


def test_services_go_on_when_their_database_server_was_killed(loaded, postgres, eventually):
    one, other = loaded
    postgres.kill()
    postgres.start()
    for process in (one, other):
        all_is_done_once(process, eventually)


def test_a_service_that_ends_as_it_should_is_followed_at_once(loaded, shares, eventually):
    one, other = loaded
    other.http("POST", "stop")
    assert other.wait()[0] == 0
    eventually(lambda: shares() == [16], "the take-over")
    all_is_done_once(one, eventually)


def test_whoever_is_asked_answers_for_every_function(service, shares, make_draft, tmp_path, eventually):
    one, other = service("one"), service("other")
    eventually(lambda: shares() == [8, 8], "the sharing out")
    for number, name in enumerate(NAMES):
        at, asked = (one, other) if number % 2 else (other, one)
        draft = make_draft(name, SLOW, folder=tmp_path)
        at.http("POST", f"functions/{name}/versions", json=draft.to_dict())
        answer = asked.http("POST", f"functions/{name}/invoke", json={"event": {"n": number}, "wait_s": 60})
        assert (answer["state"], answer["result"]) == ("succeeded", number)
    assert len(one.http("GET", "status")["services"]) == 2


@pytest.mark.parametrize("way", ["words", "environment"])
def test_a_store_that_cannot_be_reached_is_said_in_two_lines_without_its_password(serve, postgres, way):
    url = postgres.url("nowhere", password="very-secret")
    process = serve("--store", url) if way == "words" else serve(store=url)
    code, out, err = process.wait()
    assert (code, out) == (1, "")
    assert len(err.strip().splitlines()) == 2
    assert "nowhere" in err
    assert "very-secret" not in err


def test_start_hands_the_url_on_where_nobody_reads_it(tmp_path, postgres_url, postgres):
    words = [sys.executable, "-m", "jupyter_fn.cli.main"]
    home = ["--home", str(tmp_path / "home")]
    try:
        subprocess.run([*words, "start", "--store", postgres_url, *home], check=True, stdout=subprocess.DEVNULL)
        status = subprocess.run([*words, "status", "--json", *home], check=True, capture_output=True, text=True).stdout
        assert '"store": "postgresql://fn@' in status
        commands = subprocess.run(["ps", "-ww", "-eo", "args"], check=True, capture_output=True, text=True).stdout
        served = [line for line in commands.splitlines() if "serve" in line and str(tmp_path) in line]
        assert served
        assert postgres.password not in status + "".join(served) + (tmp_path / "home" / "service.log").read_text()
    finally:
        subprocess.run([*words, "stop", *home], check=True, stdout=subprocess.DEVNULL)
