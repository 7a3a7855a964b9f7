"""The functions of the house under fire, as a module that is published. Its handlers write every start of user code into
a journal that nobody but the laboratory reads."""

SOURCE = """
import os
import random
import time

from jupyter_fn import fn

JOURNAL = {journal!r}
COMMON = dict(memory="256MB", retries=8, backoff="fixed(100ms)")


def note(what, context):
    token = context._token  # nobody's business but the laboratory's
    line = f"{{what}} {{context.function_name}} {{context.run_id}} {{token}} {{os.getpid()}} {{time.time()}}\\n"
    journal = os.open(JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(journal, line.encode())
    os.close(journal)


def work(context):
    note("start", context)
    time.sleep(random.choice([0.001, 0.001, 0.01, 0.1, 0.8]))
    if random.random() < 0.03:
        raise ValueError("one of those that happen")


@fn(**COMMON)
def doubler(event, context):
    work(context)
    note("end", context)
    return 2 * event["n"]


@fn(on="topic:numbers batch=10 window=100ms", **COMMON)
def adder(event, context):
    work(context)
    values = [record["value"]["n"] for record in event["records"]]
    context.emit({{"run": context.run_id, "values": values}}, topic="sums")
    note("end", context)
    return sum(values)


@fn(on="in/*.csv settle=50ms", **COMMON)
def filer(event, context):
    with context.output(f"out/{{event.stem}}.txt") as path:
        note("start", context)
        path.write_text("half")
        time.sleep(random.choice([0.001, 0.05, 0.2]))
        path.write_text(event.open().read() * 2)
    note("end", context)
    return event.stem


@fn(on="fn:filer", **COMMON)
def heir(event, context):
    work(context)
    note("end", context)
    return event.data


@fn(memory="256MB")
def sleeper(event, context):
    note("start", context)
    time.sleep(60)
"""

NAMES = ("doubler", "adder", "filer", "heir")
