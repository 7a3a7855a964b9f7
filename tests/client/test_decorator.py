"""`fn`: what it publishes, what it hands back."""

import pytest

from jupyter_fn.capture.collect import collecting
from jupyter_fn.client.client import Client
from jupyter_fn.client.decorator import Fn
from jupyter_fn.client.handle import Function
from jupyter_fn.model.errors import FnError, NotFound, ServiceNotRunning, UnknownOption
from jupyter_fn.model.version import Draft


@pytest.fixture(name="fn")
def publisher(fake):
    answer = {"created": True, "dry_run": False, "version": {"number": 1}, "triggers": []}
    for name in ("clean", "tidy"):
        fake.on("POST", f"functions/{name}/versions", answer)
    clients = []

    def make(start: bool = True) -> Client:
        clients.append(Client(fake.home, start=False, transport=fake.transport))
        return clients[-1]

    yield Fn(clients=make)
    for client in clients:
        client.close()


def published(fake) -> Draft:
    return Draft.from_dict(fake.body())


def test_the_decorator_publishes_and_gives_a_handle(fn, fake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    @fn(on=["in/*.csv", "topic:x"], memory="1GB", env={"A": 1})
    def clean(event):
        return event["x"] + 1

    assert isinstance(clean, Function)
    draft = published(fake)
    assert (draft.function, draft.folder, draft.bundle.kind) == ("clean", str(tmp_path), "function")
    assert (draft.options.on, draft.options.memory_mb) == (("in/*.csv", "topic:x"), 1024)
    assert draft.bundle.source.startswith("# @fn(on=")


def test_without_parentheses_it_does_the_same(fn, fake):
    @fn
    def clean(event): ...

    assert isinstance(clean, Function)
    assert published(fake).function == "clean"


def test_the_handle_can_still_be_called_here(fn):
    @fn
    def clean(event):
        return event["x"] + 1

    assert clean({"x": 1}) == clean.local({"x": 1}) == 2


def test_the_name_may_be_another(fn, fake):
    @fn(name="tidy")
    def clean(event): ...

    assert clean.name == published(fake).function == "tidy"


def test_a_dry_run_asks_the_service_to_keep_nothing(fn, fake):
    @fn(dry_run=True)
    def clean(event): ...

    assert fake.query() == {"dry_run": "true"}


def test_an_unknown_keyword_is_refused_before_anything_is_sent(fn, fake):
    with pytest.raises(UnknownOption):

        @fn(memroy="1GB")
        def clean(event): ...

    assert fake.asked == []


def test_while_collecting_it_only_records(fn, fake):
    with collecting() as found:

        @fn(retries=7)
        def clean(event):
            return 1

    assert clean({}) == 1
    assert [(one.name, one.options.retries, one.function) for one in found] == [("clean", 7, clean)]
    assert fake.asked == []


@pytest.mark.parametrize("filename", ["<fn daily>", "<shipped tools>"])
def test_inside_a_handler_that_is_being_built_it_does_nothing(fn, fake, filename):
    space = {"fn": fn, "__name__": "tools"}
    exec(compile("@fn(on='in/*.csv')\ndef clean(event): return 1", filename, "exec"), space)
    assert space["clean"]({}) == 1
    assert fake.asked == []


def test_in_a_script_it_says_what_it_did_on_standard_error(fn, capsys):
    @fn
    def clean(event): ...

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("clean · version 1 · new\n")


def test_a_published_function_is_found_again_by_name(fn, fake):
    fake.on("GET", "functions/clean", {"name": "clean"})
    assert fn["clean"].name == "clean"
    with pytest.raises(NotFound):
        fn["nothing"]


def test_one_record_or_several_go_to_a_topic(fn, fake):
    fake.on("POST", "topics/orders", {"accepted": 1, "last": 1})
    for given, sent in [
        ({"n": 1}, [{"n": 1}]),
        ("text", ["text"]),
        ([1, 2], [1, 2]),
        ((n for n in (1, 2)), [1, 2]),
        ({"key": "k", "value": 1}, [1]),
    ]:
        fn.emit("orders", given)
        assert [record["value"] for record in fake.body()["records"]] == sent


def test_functions_are_listed_and_offered_by_name(fn, fake):
    fake.on("GET", "functions", [{"name": "a"}, {"name": "b"}])
    assert [row.name for row in fn.functions()] == ["a", "b"]
    assert fn.names() == fn._ipython_key_completions_() == ["a", "b"]


def test_without_a_service_no_names_are_offered(fn, fake):
    def down(request):
        raise ServiceNotRunning("down")

    fake.on("GET", "functions", down)
    assert fn.names() == []


def test_the_dashboard_is_handed_in():
    made = Fn(clients=lambda start=True: "client", dashboard=lambda client: f"dashboard of {client}")
    assert made.dashboard() == "dashboard of client"
    with pytest.raises(FnError, match="no dashboard"):
        Fn().dashboard()


def test_nothing_is_opened_before_it_is_needed():
    def never(**_):
        raise AssertionError

    assert "@fn" in repr(Fn(clients=never))


def test_editors_see_the_options():
    import inspect

    assert {"name", "on", "memory", "allow_loop"} <= set(inspect.signature(Fn()).parameters)
