"""From a trigger's text to a source, and what stands in the way."""

import re
from collections.abc import Callable
from importlib.metadata import metadata

import pytest

from jupyter_fn.model.errors import BadTrigger, MissingExtra
from jupyter_fn.policy.batching import Bounds, key_of
from jupyter_fn.sources import registry
from jupyter_fn.sources.protocol import Source


@pytest.mark.parametrize(
    ("text", "scheme", "target", "options"),
    [
        ("incoming/*.csv settle=1s", "file", "incoming/*.csv", {"settle": "1s"}),
        ("'my files/*.csv' existing=skip", "file", "my files/*.csv", {"existing": "skip"}),
        ("file:///data/**/*.parquet", "file", "file:///data/**/*.parquet", {}),
        ("memory://in/*", "memory", "memory://in/*", {}),
        ("S3://bucket/in/*.json", "s3", "S3://bucket/in/*.json", {}),
        ("cron(0 6 * * *) tz=Europe/Berlin", "cron", "cron(0 6 * * *)", {"tz": "Europe/Berlin"}),
        ("rate(5 minutes)", "rate", "rate(5 minutes)", {}),
        ("at(2026-12-01T06:00:00)", "at", "at(2026-12-01T06:00:00)", {}),
        ("topic:orders batch=5 window=1s", "topic", "topic:orders", {"batch": "5", "window": "1s"}),
        ("fn:other on=failure", "fn", "fn:other", {"on": "failure"}),
    ],
)
def test_a_text_becomes_a_trigger(text: str, scheme: str, target: str, options: dict[str, str]) -> None:
    trigger = registry.check(text, "/home/me", function="f", alias="blue")
    assert (trigger.scheme, trigger.target, trigger.options) == (scheme, target, options)
    assert (trigger.uri, trigger.folder, trigger.function, trigger.alias) == (text, "/home/me", "f", "blue")
    assert trigger.id == registry.check(text, "/elsewhere", function="f").id
    assert trigger.position is None


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        ("s4://bucket/*", "'s4'", "Did you mean 's3'?"),
        ("topics:orders", "'topics'", "Did you mean 'topic'?"),
        ("kafka://host/topic", "'kafka'", "Known: "),
        ("http:/orders", "'http'", ""),
        ("corn(0 6 * * *)", "'corn'", "Did you mean 'cron'?"),
        ("in/*.csv setle=1s", "'setle'", "Did you mean 'settle'?"),
        ("in/*.csv settle=soon", "settle=soon", "30s"),
        ("in/*.csv existing=ignore", "existing=ignore", "process"),
        ("topic:orders batch=0", "batch=0", "1 or more"),
        ("topic:not/a/name", "'not/a/name'", "letter"),
        ("fn:", "''", "letter"),
        ("rate(soon)", "soon", ""),
        ("rate(1 minute) tz=Europe/Berlin", "same in every zone", "tz="),
        ("cron(0 6 * * *) tz=Europe/Berlim", "Europe/Berlim", "Europe/Berlin"),
        ("cron(0 6 * * *) misfire=lates", "misfire=lates", "latest"),
        ("cron(0 6 * *)", "4 fields", ""),
        ("cron(0 6 * * *) jitter=5s", "'jitter'", ""),
        ("s3://*/in/*.csv", "no bucket", "s3://bucket"),
        ("s3:bucket/in/*.csv", "s3:bucket/in/*.csv", "s3://"),
        ("in/[z-a].csv", "cannot be read", "brackets"),
    ],
)
def test_a_wrong_text_is_refused_with_a_remedy(text: str, cause: str, remedy: str) -> None:
    with pytest.raises(BadTrigger) as caught:
        registry.check(text, "/home/me")
    assert cause in caught.value.cause
    assert remedy in caught.value.remedy
    assert "\n" not in caught.value.cause + caught.value.remedy


def test_a_missing_client_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra) as caught:
        registry.check("s3://bucket/in/*.csv", "/home/me")
    assert caught.value.remedy == 'Run: pip install "jupyter-fn[s3]"'


def test_every_extra_that_is_named_exists() -> None:
    provided = metadata("jupyter-fn").get_all("Provides-Extra") or []
    named = [kind.install for kind in registry.KINDS.values() if "[" in kind.install]
    assert [install for install in named if install.split("[")[1].rstrip(']"') not in provided] == []


@pytest.mark.parametrize("scheme", registry.KINDS)
def test_every_option_says_what_it_means(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: object())
    assert all(option.meaning for option in registry.options(scheme).values())


def test_options_of_the_function_are_defaults_where_the_source_knows_them(source_of: Callable[..., Source]) -> None:
    defaults = {"batch": "500", "window": "1s"}
    assert registry.check("topic:orders batch=5", "/", defaults=defaults).options == {"batch": "5", "window": "1s"}
    assert registry.check("in/*.csv", "/", defaults=defaults).options == defaults
    assert registry.check("rate(5 minutes)", "/", defaults=defaults).options == {}


def test_single_events_go_together_where_anything_of_batches_is_asked_for() -> None:
    assert registry.gathers(registry.check("in/*.csv", "/")) is None
    assert registry.gathers(registry.check("in/*.csv batch=5", "/")) == Bounds(count=5)
    assert registry.gathers(registry.check("s3://b/*.csv bytes=1KB", "/")) == Bounds(count=100, bytes=1024)
    assert registry.gathers(registry.check("fn:other window=1s", "/")) == Bounds(count=100, window_s=1.0)
    by_key = registry.gathers(registry.check("in/*.csv key=event.stem[:4]", "/"))
    assert by_key is not None
    assert key_of(by_key, {"stem": "2026-01"}) == "2026"


def test_a_topic_makes_its_batches_itself() -> None:
    assert registry.gathers(registry.check("topic:orders batch=5", "/")) is None


@pytest.mark.parametrize("text", ["batch=0", "bytes=0", "bytes=lots", "window=soon", "key=event.", "key=open(1)"])
def test_a_bound_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadTrigger, match=f"^{re.escape(text.partition('=')[0])}="):
        registry.check(f"in/*.csv {text}", "/")
