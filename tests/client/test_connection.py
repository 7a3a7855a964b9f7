"""One connection: found, kept, found again; errors come back as what the service raised."""

import httpx
import pytest

from jupyter_fn.client.connection import Connection
from jupyter_fn.model.errors import BadTrigger, NotFound, ServiceError, ServiceNotRunning


@pytest.fixture
def connection(fake):
    made = Connection(fake.home, start=False, transport=fake.transport)
    yield made
    made.close()


def test_a_call_carries_the_token_and_goes_to_the_address_of_the_home(fake, connection):
    fake.on("GET", "status", {"ok": True})
    assert connection.request("GET", "status") == {"ok": True}
    assert str(fake.asked[0].url) == "http://fake:1/api/v1/status"
    assert fake.asked[0].headers["Authorization"] == "Bearer secret"


def test_empty_questions_are_not_asked(fake, connection):
    fake.on("GET", "runs", [])
    connection.request("GET", "runs", query={"function": "", "last": None, "state": "dead"})
    assert fake.query() == {"state": "dead"}


@pytest.mark.parametrize(("status", "kind", "cls"), [(404, "NotFound", NotFound), (400, "BadTrigger", BadTrigger)])
def test_an_error_comes_back_as_the_class_that_was_raised(fake, connection, status, kind, cls):
    fake.on("GET", "functions/x", fake.error(status, kind, "What happened.", "What to do."))
    with pytest.raises(cls) as caught:
        connection.request("GET", "functions/x")
    assert (caught.value.cause, caught.value.remedy) == ("What happened.", "What to do.")


def test_an_answer_that_is_no_error_of_ours_is_shown_as_it_is(fake, connection):
    fake.on("GET", "status", httpx.Response(502, text="Bad gateway"))
    with pytest.raises(ServiceError, match="502: Bad gateway"):
        connection.request("GET", "status")


def test_a_restarted_service_is_found_at_its_new_address(fake, connection):
    def moves(request):
        fake.move("http://fake:2", "secret")
        return httpx.ConnectError("refused") if request.url.port == 1 else {"port": request.url.port}

    fake.on("GET", "status", moves)
    assert connection.request("GET", "status") == {"port": 2}


def test_a_new_token_is_read_when_the_old_one_is_refused(fake, connection):
    def restarted(request):
        if request.headers["Authorization"] == "Bearer fresh":
            return {"ok": True}
        fake.move("http://fake:1", "fresh")
        return fake.error(401, "FnError", "Wrong token.")

    fake.on("POST", "stop", restarted)
    assert connection.request("POST", "stop") == {"ok": True}


def test_when_nothing_answers_twice_it_says_so(fake, connection):
    fake.on("GET", "status", httpx.ConnectError("refused"))
    with pytest.raises(ServiceNotRunning, match="jupyter fn start"):
        connection.request("GET", "status")
    assert len(fake.asked) == 2


def test_a_call_that_broke_half_way_is_repeated_only_when_that_is_harmless(fake, connection):
    fake.on("POST", "functions/f/map", httpx.ReadError("gone"))
    with pytest.raises(ServiceError, match="connection broke"):
        connection.request("POST", "functions/f/map", body={})
    assert len(fake.asked) == 1

    answers = iter([httpx.RemoteProtocolError("gone"), {"id": "r"}])
    fake.on("POST", "functions/f/invoke", lambda r: next(answers))
    assert connection.request("POST", "functions/f/invoke", body={}, repeatable=True) == {"id": "r"}


def test_an_answer_that_does_not_come_is_not_asked_for_again(fake, connection):
    fake.on("GET", "status", httpx.ReadTimeout("slow"))
    with pytest.raises(ServiceError, match="did not answer within 30 s"):
        connection.request("GET", "status")
    assert len(fake.asked) == 1


def test_without_a_service_and_without_leave_to_start_one_it_says_so(tmp_path):
    with pytest.raises(ServiceNotRunning, match="No service is running"):
        Connection(tmp_path, start=False).request("GET", "status")


def test_events_are_pushed_until_the_stream_ends(fake, connection):
    stream = 'event: run\ndata: {"id": "r1"}\n\n: ping\n\nevent: log\ndata: {"text": "a\u2028b"}\n\n'
    fake.on("GET", "status", {})
    fake.on("GET", "events", httpx.Response(200, content=stream.encode()))
    pushed = list(connection.stream("events", query={"function": "f"}))
    assert [(p.event, p.data) for p in pushed] == [("run", {"id": "r1"}), ("log", {"text": "a\u2028b"})]
    assert fake.query() == {"function": "f"}


def test_a_stream_that_is_refused_raises_what_the_service_says(fake, connection):
    fake.on("GET", "status", {})
    fake.on("GET", "events", fake.error(404, "NotFound", "No function 'f'."))
    with pytest.raises(NotFound, match="No function"):
        list(connection.stream("events"))
