"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..engine.feed import Feed
from ..model.codec import dumps


async def event_stream(feed: Feed, function: str) -> AsyncIterator[str]:
    """What is pushed from now on, as text; begins with a comment, so that the client knows that it is heard."""
    with feed.follow(function) as follower:
        yield ": here\n\n"
        async for come in follower.happenings():
            yield "".join(f"event: {one.event}\ndata: {dumps(one.data)}\n\n" for one in come)
