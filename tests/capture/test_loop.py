"""A handler that clearly writes where it watches is refused; whatever is not clear is let through."""

import ast
from pathlib import Path

import pytest

from jupyter_fn.capture.loop import refuse_loop
from jupyter_fn.model.errors import LoopRefused

FOLDER = Path("/work")


def check(body: str, *triggers: str, before: str = "", known: dict[str, str] | None = None) -> None:
    tree = ast.parse(f"{before}\ndef handler(event, context):\n    {body}\n")
    refuse_loop(tree, "handler", triggers=triggers or ("incoming/*.csv",), folder=FOLDER, known=known or {})


@pytest.mark.parametrize(
    "body",
    [
        "open('incoming/done.csv', 'w')",
        "open(f'incoming/{event.stem}_clean.csv', mode='a')",
        "open('/work/incoming/x.csv', 'xb')",
        "open('./incoming/../incoming/x.csv', 'r+')",
        "context.output(f'incoming/{event.stem}.csv')",
        "context.output(f'incoming/{event.name}')",
        "context.output(event.path)",
        "context.output(event['path'])",
        "open(f'{event.path}', 'w')",
        "df.to_csv('incoming/' + event.stem + '.csv')",
        "Path('incoming/x.csv').write_text('a')",
        "(Path('incoming') / f'{event.stem}.csv').write_bytes(b'')",
        "(Path('incoming') / 'x.csv').open('w')",
        "Path('incoming', 'x.csv').write_text('')",
        "open(os.path.join('incoming', event.name), 'w')",
    ],
)
def test_clear_loops_are_refused(body):
    with pytest.raises(LoopRefused, match=r"Line 3 writes .* 'incoming/\*\.csv'") as caught:
        check(body)
    assert "--allow-loop" in caught.value.remedy


@pytest.mark.parametrize(
    "body",
    [
        "open('incoming/x.csv')",
        "open('incoming/x.csv', 'rb')",
        "open('out/x.csv', 'w')",
        "open('incoming/x.parquet', 'w')",
        "open('incoming/sub/x.csv', 'w')",
        "open('incoming.csv', 'w')",
        "context.output(f'out/{event.stem}.csv')",
        "context.output(f'incoming/{event.stem}.parquet')",
        "context.output(f'{folder}/{event.stem}.csv')",
        "context.output(f'{anything}')",
        "context.output(target)",
        "context.output(f'incoming/{event.stem}/x.csv')",
        "df.to_csv()",
        "df.to_csv(buffer)",
        "z.read('incoming/x.csv')",
        "print('incoming/x.csv', 'w')",
        "Path('incoming/x.csv').read_text()",
        "Path('incoming/x.csv').open()",
        "open(mode='w', file=x)",
    ],
)
def test_no_false_alarm(body):
    check(body)


@pytest.mark.parametrize(
    ("trigger", "body", "loops"),
    [
        ("*.csv", "open(f'{event.stem}.csv', 'w')", True),
        ("*.csv", "open('out/x.csv', 'w')", False),
        ("data/**/*.csv", "open('data/x.csv', 'w')", True),
        ("data/**/*.csv", "open(f'data/{day}/a/x.csv', 'w')", True),
        ("data/**", "open('data/a/b', 'w')", True),
        ("data/*/*.csv", "open(f'data/{day}/x.csv', 'w')", True),
        ("data/2024/*.csv", "open(f'data/{day}/x.csv', 'w')", False),
        ("data/v?.csv", "open('data/v1.csv', 'w')", True),
        ("data/v?.csv", "open('data/v10.csv', 'w')", False),
        ("data/[ab].csv", "open('data/a.csv', 'w')", True),
        ("/work/incoming/*.csv settle=1s", "open('incoming/a.csv', 'w')", True),
        ("file:///work/incoming/*.csv", "open('incoming/a.csv', 'w')", True),
        ("s3://bucket/in/*.json", "context.output(f's3://bucket/in/{event.stem}.json')", True),
        ("s3://bucket/in/*.json", "context.output(f's3://bucket/out/{event.stem}.json')", False),
        ("s3://bucket/in/*.json", "context.output(f's3://other/in/{event.stem}.json')", False),
        ("topic:orders", "open('orders', 'w')", False),
        ("cron(0 6 * * *)", "context.output(event.path)", False),
        ("fn:other", "open('other', 'w')", False),
    ],
)
def test_triggers_of_every_kind(trigger, body, loops):
    if loops:
        with pytest.raises(LoopRefused):
            check(body, trigger)
    else:
        check(body, trigger)


def test_names_that_hold_a_text_are_read():
    with pytest.raises(LoopRefused):
        check("open(f'{OUT}/x.csv', 'w')", before="OUT = 'incoming'")
    with pytest.raises(LoopRefused):
        check("open(f'{OUT}/x.csv', 'w')", known={"OUT": "incoming"})
    check("open(f'{OUT}/x.csv', 'w')", known={"OUT": "elsewhere"})


def test_the_event_may_have_another_name():
    tree = ast.parse("def handler(e): open(e.path, 'w')")
    with pytest.raises(LoopRefused, match=r"e.path"):
        refuse_loop(tree, "handler", triggers=["in/*"], folder=FOLDER, known={})


def test_a_captured_path_that_loops_is_refused_unless_it_is_allowed(captured):
    source = "def handler(event):\n    open(TARGET / 'x.csv', 'w')"
    names = {"TARGET": Path("in")}
    with pytest.raises(LoopRefused):
        captured(source, names, on=("in/*.csv",))
    assert captured(source, names, on=("in/*.csv",), allow_loop=True).options.allow_loop
