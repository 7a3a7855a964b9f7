"""Server-sent events, whatever pieces they arrive in."""

import json

from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.client.sse import Pushed, lines_of, parse_events

words = st.text(alphabet="abc:\u2028\x85é ", max_size=10)


@given(st.lists(st.tuples(st.sampled_from(["run", "log"]), words)), st.integers(1, 7), st.sampled_from(["\n", "\r\n"]))
def test_events_survive_any_cutting_into_pieces(events, size, end):
    text = "".join(
        f"event: {name}{end}data: {json.dumps(value, ensure_ascii=False)}{end}{end}" for name, value in events
    )
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert list(parse_events(lines_of(pieces))) == [Pushed(name, value) for name, value in events]


def test_an_event_without_data_is_no_event():
    assert list(parse_events(["event: ping", "", ": comment", ""])) == []


def test_data_over_several_lines_is_one_document():
    assert list(parse_events(["data: [1,", "data: 2]", ""])) == [Pushed("message", [1, 2])]
