"""Each command: what it asks of the service, what it says where, how it ends."""

import io
import json
import re
from pathlib import Path

import pytest

from jupyter_fn.client.connection import Connection
from jupyter_fn.commands import table

RUN = "0b1d7a52-0000-4000-8000-000000000001"
REPORT = "REPORT RequestId: x\tDuration: 15.74 ms\tBilled Duration: 16 ms\tMemory Size: 512 MB\tMax Memory Used: 56 MB"
FUNCTION = {
    "name": "daily",
    "version": 3,
    "state": "active",
    "triggers": [{"id": "t", "uri": "in/*.csv", "state": "active", "lag": 2}],
    "runs": {"succeeded": 12},
    "cost_usd": "0.00012",
    "tags": {},
    "aliases": {"live": {"3": 1}},
    "latest": 3,
}
FULL = {**FUNCTION, "version": {"number": 3, "source": "def handler(event): ...", "options": {}, "captured": []}}
VERSION = {"function": "daily", "number": 3, "kind": "cell", "created": 1793685600.0, "digest": "ab" * 32}
COST = {
    "total_usd": "0.0254",
    "by": [{"key": "daily", "runs": 13, "billed_ms": 90500, "cost_usd": "0.0254", "waste_usd": "0"}],
    "cluster": {"worker_s": 300, "busy_s": 90, "idle_s": 210, "cost_usd": "0.008"},
    "prices": {"active": "aws-lambda-x86", "books": []},
}
AUDIT = {"observed": 2, "done": 2, "pending": 0, "dead": 0, "skipped": 0, "superseded": 0, "balanced": True}
EXPLAINED = {"subject": "x.csv", "sentences": ["It does not match in/*.csv."], "runs": []}
STATUS = {"url": "http://127.0.0.1:1", "pid": 7, "version": "0.1.0", "workers": [], "functions": 1, "home": "/h"}


@pytest.fixture(autouse=True)
def service(fake, run_json):
    for method, path, answer in [
        ("GET", "functions", [FUNCTION]),
        ("GET", "functions/daily", FULL),
        ("GET", "functions/daily/versions", [VERSION]),
        ("GET", "functions/daily/failures", [run_json(state="dead")]),
        ("GET", "functions/daily/audit", AUDIT),
        ("GET", "functions/daily/explain", EXPLAINED),
        ("POST", "functions/daily/pause", {**FULL, "state": "paused"}),
        ("POST", "functions/daily/resume", FULL),
        ("POST", "functions/daily/rollback", FULL),
        ("PUT", "functions/daily/aliases/live", FULL),
        ("PUT", "functions/daily/aliases/test", FULL),
        ("DELETE", "functions/daily", {"removed": "daily"}),
        ("POST", "functions/daily/redrive", {"count": 1, "bytes": 10, "estimated_cost_usd": "0.1", "runs": ["r2"]}),
        ("POST", "functions/daily/invoke", run_json(log="hello\n", report=REPORT)),
        ("GET", "runs", [run_json()]),
        ("GET", f"runs/{RUN}", run_json(attempts_list=[], event={"n": 1})),
        ("GET", f"runs/{RUN}/logs", {"text": "hello\n", "ended": True}),
        ("POST", f"runs/{RUN}/cancel", run_json(state="cancelled")),
        ("GET", "cost", COST),
        ("GET", "status", STATUS),
        ("POST", "topics/clicks", {"accepted": 1, "last": 1}),
    ]:
        fake.on(method, path, answer)
    return fake


TABLES = [
    "status",
    "ls",
    "show daily",
    "versions daily",
    "runs",
    "runs daily --state dead --last 5",
    "run 0b1d7a52",
    "failures daily",
    "redrive daily --dry-run",
    "cost",
    "cost daily --by day --since 24h",
    "explain daily x.csv",
    "audit daily",
    "pause daily",
    "resume daily",
    "rollback daily",
    "alias daily live=3",
    "cancel 0b1d7a52",
    "emit clicks --record 1",
    "invoke daily",
]


@pytest.mark.parametrize("line", TABLES)
def test_json_is_one_document_on_standard_output_and_nothing_else(call, line):
    said = call(f"{line} --json")
    json.loads(said.out)
    assert said.code == 0
    assert said.err == "" or line == "invoke daily"


@pytest.mark.parametrize("line", TABLES)
def test_people_get_text_without_colours_where_nobody_sees_colours(call, line):
    said = call(line)
    assert said.code == 0
    assert said.out.strip()
    assert "\x1b" not in said.out


def test_the_json_of_a_list_is_the_apis(call, fake, run_json):
    assert json.loads(call("runs --json").out) == [run_json()]
    assert json.loads(call("ls --json").out) == [FUNCTION]
    assert json.loads(call("cost --json").out) == COST
    assert json.loads(call("audit daily --json").out) == AUDIT


def test_the_tables_say_what_matters(call):
    assert re.search(r"daily +3 +active +in/\*\.csv +12 succeeded +\$0\.00012", call("ls").out)
    assert re.search(r"00000001 +daily +3 +succeeded", call("runs").out)
    assert "Total $0.03" in call("cost").out
    assert "It does not match" in call("explain daily x.csv").out
    assert "def handler(event): ..." in call("show daily").out
    assert call("pause daily").out == "daily is paused; live → 3.\n"
    assert call("rm daily").out == "Removed daily.\n"
    assert call(f"cancel {RUN}").out == f"Run {RUN} is cancelled.\n"


# --- invoke


def test_invoke_puts_the_value_on_one_stream_and_what_was_said_on_the_other(call, fake):
    said = call(["invoke", "daily:test", "--event", '{"n": 1}'])
    assert said.out == '{"rows": 12}\n'
    assert said.err == f"hello\n{REPORT}\n"
    assert (fake.body()["event"], fake.body()["qualifier"]) == ({"n": 1}, "test")


def test_the_report_line_is_not_said_twice(call, fake, run_json):
    fake.on("POST", "functions/daily/invoke", run_json(log=f"hello\n{REPORT}\n", report=REPORT))
    assert call("invoke daily").err == f"hello\n{REPORT}\n"


def test_a_log_without_a_line_end_does_not_swallow_the_report_line(call, fake, run_json):
    fake.on("POST", "functions/daily/invoke", run_json(log="hello", report=REPORT))
    assert call("invoke daily").err == f"hello\n{REPORT}\n"


def test_invoke_of_what_the_filter_refuses_prints_null_and_says_so(call, fake, run_json):
    skipped = {"state": "skipped", "reason": "Filtered", "result": None, "report": "", "log": ""}
    fake.on("POST", "functions/daily/invoke", run_json(**skipped))
    said = call("invoke daily")
    assert (said.code, said.out) == (0, "null\n")
    assert said.err == "The event does not match the filter of daily; it was not run.\n"


def test_invoke_without_an_event_sends_an_empty_one(call, fake):
    call("invoke daily")
    assert fake.body()["event"] == {}


def test_an_event_may_stand_in_a_file(call, fake, tmp_path):
    (tmp_path / "event.json").write_text('[1, "ä"]', encoding="utf-8")
    call(["invoke", "daily", "--event", f"@{tmp_path}/event.json"])
    assert fake.body()["event"] == [1, "ä"]


def test_a_run_that_failed_ends_with_one_and_its_own_traceback(call, fake, run_json):
    error = {
        "type": "ValueError",
        "class": "HandlerFailed",
        "message": "bad",
        "remedy": "",
        "traceback": "Tr\nVE: bad\n",
    }
    fake.on("POST", "functions/daily/invoke", run_json(state="dead", error=error, log="", report=REPORT))
    said = call("invoke daily")
    assert (said.code, said.out) == (1, "")
    assert said.err == f"{REPORT}\nTr\nVE: bad\n"
    said = call("invoke daily --json")
    assert (said.code, json.loads(said.out)["state"]) == (1, "dead")


def test_async_prints_the_id_or_the_run(call, fake, run_json):
    fake.on("POST", "functions/daily/invoke", run_json(state="queued"))
    said = call("invoke daily --async")
    assert (said.code, said.out, said.err) == (0, f"{RUN}\n", "")
    assert fake.body()["wait_s"] == 0
    assert json.loads(call("invoke daily --async --json").out)["state"] == "queued"


def test_a_result_of_nothing_is_null(call, fake, run_json):
    fake.on("POST", "functions/daily/invoke", run_json(result=None, log=""))
    assert call("invoke daily").out == "null\n"


# --- runs and logs


@pytest.mark.parametrize("subject", [RUN, "0b1d7a52", "daily"])
def test_logs_are_printed_as_they_are(call, subject):
    assert call(f"logs {subject}").out == "hello\n"


def test_following_a_run_ends_when_the_run_does(call, fake, run_json):
    states = iter(["running", "succeeded"])
    texts = iter(["one\n", "one\ntwo\n"])
    fake.on("GET", f"runs/{RUN}", lambda r: run_json(state=next(states)))
    fake.on("GET", f"runs/{RUN}/logs", lambda r: {"text": next(texts), "ended": False})
    assert call(f"logs {RUN} -f").out == "one\ntwo\n"


def test_following_a_function_prints_what_comes(call, fake):
    import httpx

    stream = b'event: run\ndata: {}\n\nevent: log\ndata: {"run": "r", "text": "more\\n"}\n\n'
    fake.on("GET", "events", httpx.Response(200, content=stream))
    assert call("logs daily --follow").out == "hello\nmore\n"


def test_logs_of_nothing_known_name_both_ways_to_look(call):
    said = call("logs nowhere")
    assert said.code == 1
    assert "nowhere" in said.err


# --- functions


def test_several_runs_are_stopped_and_all_of_a_function(call, fake, run_json):
    fake.on("POST", "runs/cancel", [run_json(state="cancelled")])
    fake.on("POST", "functions/daily/cancel", [run_json(state="cancelled")])
    assert "cancelled" in call(f"cancel 0b1d7a52 {RUN}").out
    assert fake.body() == {"ids": [RUN, RUN]}
    assert len(json.loads(call("cancel --all daily --json").out)) == 1
    for words in ("cancel", f"cancel --all daily {RUN}"):
        said = call(words)
        assert (said.code, said.err.splitlines()[1]) == (2, "Write their ids, or --all NAME for all of a function.")


def test_resume_may_be_for_one_lane(call, fake):
    call("resume daily --key 7")
    assert fake.query() == {"key": "7"}
    call("resume daily")
    assert fake.query() == {}


def test_an_alias_may_be_shared_by_weight_and_several_moved_at_once(call, fake):
    call("alias daily live=3:90 live=4:10 test=5")
    assert fake.body(-2) == {"weights": {"3": 90, "4": 10}}
    assert fake.body(-1) == {"weights": {"5": 1}}


@pytest.mark.parametrize("share", ["live", "live=", "live=x", "live=3:", "=3", "live=3:x", "live=-1"])
def test_an_alias_that_cannot_be_read_is_wrong_usage(call, share):
    assert call(["alias", "daily", share]).code == 2


def test_records_come_as_json_from_files_or_from_standard_input(call, fake, tmp_path, monkeypatch):
    (tmp_path / "r.jsonl").write_text('{"a": 1}\n\n{"key": "k", "value": 2}\n')
    monkeypatch.setattr("sys.stdin", io.StringIO("3\n4\n"))
    call(["emit", "clicks", "--record", '"x"', "--record", f"@{tmp_path}/r.jsonl", "--record", "-"])
    assert [r["value"] for r in fake.body()["records"]] == ["x", {"a": 1}, 2, 3, 4]
    assert fake.body()["records"][2]["key"] == "k"


def test_explain_takes_a_file_as_the_one_who_types_sees_it(call, fake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("")
    call("explain daily a.csv")
    assert fake.query() == {"subject": str(tmp_path / "a.csv")}
    call("explain daily not-there.csv")
    assert fake.query() == {"subject": "not-there.csv"}


# --- publish


@pytest.fixture
def accepted(fake):
    def answer(request):
        draft = json.loads(request.content)
        dry = request.url.params.get("dry_run") == "true"
        version = {"function": draft["function"], "number": 1}
        return {"created": True, "dry_run": dry, "version": version, "triggers": []}

    for name in ("one", "two", "report"):
        fake.on("POST", f"functions/{name}/versions", answer)
    return fake


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def cell(source):
        return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}

    cells = [
        cell("limit = 5"),
        cell("%%fn one --memory 1GB\ndef handler(event):\n    return limit"),
        cell("%%fn two\ndef handler(event):\n    return 2"),
    ]
    document = {"cells": [{**c, "id": f"c{i}"} for i, c in enumerate(cells)], "metadata": {}, "nbformat": 4}
    Path("report.ipynb").write_text(json.dumps({**document, "nbformat_minor": 5}))
    return "report.ipynb"


def test_publish_sends_every_function_of_a_file_or_those_named(call, accepted, notebook):
    said = call(f"publish {notebook} --json")
    assert [row["function"] for row in json.loads(said.out)] == ["one", "two"]
    assert accepted.body(0)["options"]["memory_mb"] == 1024
    assert [one["name"] for one in accepted.body(0)["captured"]] == ["limit"]
    assert "two" in call(f"publish {notebook} two").out
    assert len(accepted.asked) == 3


def test_publish_publishes_nothing_when_one_function_cannot_be_captured(call, accepted, notebook):
    text = Path(notebook).read_text().replace("return 2", "return undefined_name")
    Path(notebook).write_text(text)
    said = call(f"publish {notebook}")
    assert said.code == 1
    assert "undefined_name" in said.err
    assert not accepted.asked


def test_a_dry_run_says_what_would_be(call, accepted, notebook):
    assert "dry run" in call(f"publish {notebook} one --dry-run").out
    assert accepted.query() == {"dry_run": "true"}


def test_schedule_publishes_a_whole_notebook_with_parameters_and_options(call, accepted, notebook):
    said = call(
        f"schedule {notebook} --on 'cron(0 6 * * *)' -p year=2013 -p who=me --memory 2GB "
        "--output out/{day}.ipynb --kernel python3 --json"
    )
    assert json.loads(said.out)["function"] == "report"
    sent = accepted.body()
    assert sent["bundle"]["parameters"] == {"year": 2013, "who": "me"}
    assert (sent["bundle"]["output"], sent["bundle"]["kernel"]) == ("out/{day}.ipynb", "python3")
    assert (sent["options"]["on"], sent["options"]["memory_mb"]) == (["cron(0 6 * * *)"], 2048)


def test_schedule_takes_every_option_of_the_magic(call, accepted, notebook):
    options = "--timeout 5m --retries 0 --backoff lambda --concurrency 1 --batch 5 --window 1s --env A=b --tag t=u"
    said = call(f"schedule {notebook} --on 'rate(5 minutes)' {options} --alias test --allow-loop --dry-run")
    assert (said.code, said.err) == (0, "")
    assert accepted.body()["options"]["tags"] == {"t": "u"}
    assert accepted.body()["options"]["allow_loop"] is True
    assert accepted.query() == {"dry_run": "true"}


# --- errors


WRONG = {
    "sho daily": ("'sho' is not a command.", "Did you mean 'show'?"),
    "runs --stat dead": ("--stat is not an option of `jupyter fn runs`.", "Did you mean '--state'?"),
    "--hom x ls": ("--hom is not an option of `jupyter fn`.", "Did you mean '--home'?"),
    "show": ("`jupyter fn show` needs NAME.", "Usage: jupyter fn show [OPTIONS] NAME"),
    "runs --last x": ("--last: 'x' is not a valid integer range.", "Usage: jupyter fn runs [OPTIONS] [NAME]"),
    "ls extra": ("Got unexpected extra argument (extra)", "Usage: jupyter fn ls [OPTIONS]"),
    "invoke daily --event": ("Option '--event' requires an argument.", "Usage: jupyter fn invoke"),
    "invoke daily --event {x": ("--event: '{x' is not JSON", "Write JSON"),
    "invoke daily --event @nowhere": ("--event: 'nowhere' cannot be read", "Name a readable text file"),
    "schedule r.ipynb --memory 12parsecs": ("--memory: '12parsecs' is not a size.", "Write a number and a unit"),
    "schedule r.ipynb -p 1=2": ("-p: '1=2' is not K=V.", "Write a name"),
    "cost --since yesterday": ("'yesterday' is not a duration.", "Write a number and a unit"),
    "cost --by colour": ("--by: 'colour' is not one of", "Usage: jupyter fn cost"),
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_words_end_with_two_in_two_lines(call, fake, line):
    said = call(line)
    cause, remedy = said.err.splitlines()
    assert (said.code, said.out) == (2, "")
    assert cause.startswith(WRONG[line][0])
    assert remedy.startswith(WRONG[line][1])


def test_what_is_missing_ends_with_one_in_two_lines(call, fake):
    fake.on("GET", "functions/dayly", fake.error(404, "NotFound", "No function 'dayly'.", "Did you mean 'daily'?"))
    said = call("show dayly")
    assert (said.code, said.out, said.err) == (1, "", "No function 'dayly'.\nDid you mean 'daily'?\n")


def test_a_cause_of_several_lines_is_still_one_line(call, fake):
    fake.on("GET", "functions/x", fake.error(404, "NotFound", "a\nb", "c\n d"))
    assert call("show x").err == "a b\nc d\n"


@pytest.mark.parametrize("line", ["--home {} status", "status --home {}"])
def test_the_home_may_stand_before_or_after_the_command(call, tmp_path, line):
    said = call(line.format(tmp_path / "nobody"))
    assert said.code == 1
    assert said.err.splitlines()[0] == f"No service is running for {tmp_path / 'nobody'}."


def test_stop_without_a_service_is_done_already(call, fake, tmp_path):
    assert call(f"stop --home {tmp_path / 'nobody'}").out == "No service was running.\n"


@pytest.mark.parametrize("line", ["", "--help"])
def test_help_lists_every_command(call, line):
    said = call(line)
    assert said.code == 0
    assert all(re.search(rf"^  {name} ", said.out, re.MULTILINE) for name in table.command_names())


def test_failures_says_beside_its_table_that_records_were_taken_by_nobody(call, fake):
    assert call("failures daily").err == ""
    fake.on("GET", "functions/daily", {**FULL, "undelivered": 2})
    assert "Records that no destination has taken: 2;" in call("failures daily").err


def test_a_run_says_where_its_record_went(call, fake, run_json):
    sent = [{"target": "https://x/y", "state": "dead", "error": "It answered 404."}]
    fake.on("GET", f"runs/{RUN}", run_json(attempts_list=[], event={}, deliveries=sent))
    assert "sent to   https://x/y (dead) It answered 404." in call("run 0b1d7a52").out


@pytest.mark.parametrize("name", table.command_names())
def test_every_command_explains_itself(call, name):
    said = call(f"{name} --help")
    assert said.code == 0
    assert "--home" in said.out


def test_the_table_holds_the_commands_of_the_contract():
    expected = (
        "serve start stop status demo publish schedule ls show versions invoke runs run logs cancel cost pause resume "
        "rm alias rollback failures redrive replay backfill explain audit emit"
    )
    assert set(table.command_names()) == set(expected.split())


# --- the line magic


def test_a_line_is_the_same_table_and_gives_back_what_it_says(fake, capsys):
    class Client_:
        def functions(self):
            from jupyter_fn.client.client import Client

            return Client(fake.home, start=False, transport=fake.transport).functions()

    rows = table.run_line("ls", client=Client_())
    assert rows[0].name == "daily"
    assert "daily" in capsys.readouterr().out


def test_a_line_shows_tables_through_the_output_it_is_given(fake):
    from jupyter_fn.client.client import Client
    from jupyter_fn.commands.output import Terminal

    class Cell(Terminal):
        shown = None

        def show(self, shown):
            self.shown = shown

    cell = Cell()
    client = Client(fake.home, start=False, transport=fake.transport)
    table.run_line("runs --last 3", client=client, output=cell)
    assert cell.shown[0].function == "daily"


@pytest.mark.parametrize("line", ["sho", "runs --nope", "serve", "show 'x"])
def test_a_wrong_line_raises_and_never_ends_the_kernel(line):
    from jupyter_fn.model.errors import UsageError

    with pytest.raises(UsageError):
        table.run_line(line)


def test_help_on_a_line_prints_and_goes_on(capsys):
    assert table.run_line("runs --help") is None
    assert "Usage: jupyter fn runs" in capsys.readouterr().out


def test_a_home_on_the_line_wins_over_the_client(tmp_path):
    from jupyter_fn.model.errors import ServiceNotRunning

    with pytest.raises(ServiceNotRunning):
        table.run_line(f"status --home {tmp_path}", client=object())
    assert Connection(tmp_path, start=False).home == tmp_path
