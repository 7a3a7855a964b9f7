"""What is shared in the kernel is shared in an environment."""

import pickle
from typing import Any


def loaded(draft) -> dict[str, Any]:
    return draft.bundle.unpickled(pickle.loads)


def test_a_list_that_a_captured_function_fills_is_the_list_that_the_handler_reads(captured, kernel):
    namespace = kernel("seen = []\ndef remember(x): seen.append(x)")
    values = loaded(captured("def handler(event):\n    remember(1)\n    return seen", namespace))
    values["remember"](1)
    assert values["seen"] == [1]
    assert namespace["seen"] == []


def test_functions_share_their_globals(captured, kernel):
    namespace = kernel("n = 0\ndef up():\n    global n\n    n += 1\ndef read(): return n")
    values = loaded(captured("def handler(event):\n    up()\n    return read()", namespace))
    values["up"]()
    assert values["read"]() == 1


def test_methods_share_too(captured, kernel):
    namespace = kernel("log = []\nclass Writer:\n    def write(self, x): log.append(x)\nwriter = Writer()")
    values = loaded(captured("def handler(event):\n    writer.write(1)\n    return log", namespace))
    values["writer"].write(1)
    assert values["log"] == [1]


def test_values_without_code_travel_apart(captured):
    draft = captured("def handler(event): return a, b", {"a": [1], "b": {"x": 1}})
    assert set(draft.bundle.values) == {"a", "b"}


def test_what_a_function_does_not_touch_travels_apart(captured, kernel):
    draft = captured("def handler(event): return f(), other", kernel("other = [1]\nK = 2\ndef f(): return K"))
    assert set(draft.bundle.values) == {"f", "other"}


def test_a_class_and_its_object_stay_related(captured, kernel):
    namespace = kernel("class P: pass\np = P()")
    values = loaded(captured("def handler(event): return isinstance(p, P)", namespace))
    assert isinstance(values["p"], values["P"])
