"""Which events a filter takes: what Amazon EventBridge documents, and what AWS's event-ruler does."""

import json
from copy import deepcopy
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.pattern import pattern_text
from jupyter_fn.policy.filters import parse_filter


def takes(pattern: Any, event: Any) -> bool:
    read = parse_filter(pattern)
    taken = read.matches(event)
    assert (read.why_not(event) == "") == taken
    return taken


def refusal(pattern: Any) -> str:
    with pytest.raises(BadValue) as caught:
        parse_filter(pattern)
    assert caught.value.cause
    assert caught.value.remedy
    return caught.value.cause


# --- one rule, one value: (rule, values that it takes, values that it does not take)

NULL, TRUE, FALSE = None, True, False
VALUES = [
    # exact
    ("running", ["running"], ["Running", "running ", "", 1, NULL]),
    ("", [""], [" ", NULL, 0, FALSE]),
    ("A CamelCase text with an emoji 🚀 and a blank ", ["A CamelCase text with an emoji 🚀 and a blank "], ["🚀"]),
    ("*", ["*"], ["a", "\\*"]),
    ("\\", ["\\"], ["\\\\"]),
    (NULL, [NULL], ["null", "", 0, FALSE]),
    (TRUE, [TRUE], [FALSE, 1, "true"]),
    (FALSE, [FALSE], [TRUE, 0, "false", NULL]),
    (300, [300, 300.0, 3.0e2], ["300", 301, 300.1, NULL]),
    (300.0, [300], [301]),
    (0, [0, 0.0, -0.0], [FALSE, "0", NULL]),
    (1, [1], [TRUE]),
    (0.1, [0.1], [0.2]),
    (-5, [-5, -5.0], [5]),
    (123456789012, [123456789012], [123456789013]),  # an AWS account
    (9007199254740993, [9007199254740993], [9007199254740992]),
    # addresses have many spellings
    ("::1", ["::1", "0:0:0:0:0:0:0:1"], ["::2", "1"]),
    ("2001:DB8::5", ["2001:db8:0:0::5"], ["2001:db8::6"]),
    ("10.0.0.1", ["10.0.0.1", "::ffff:a00:1"], ["10.0.0.2", "10.0.0.1.", 10]),
    ({"exactly": "10.0.0.1"}, ["10.0.0.1"], ["::ffff:a00:1"]),
    ({"exactly": "a"}, ["a"], ["A", "ab"]),
    # prefix and suffix
    ({"prefix": "2017-10-02"}, ["2017-10-02T18:43:48Z", "2017-10-02"], ["2017-10-03", "", NULL, 2017]),
    ({"prefix": ""}, ["", "a"], [1, NULL, TRUE]),  # any text
    ({"suffix": ".png"}, ["image.png", ".png"], ["image.PNG", "png", 1, NULL]),
    ({"suffix": ""}, ["", "a"], [1, NULL, FALSE]),
    ({"prefix": {"equals-ignore-case": "EventB"}}, ["EventBridge", "eventb", "EVENTBUS"], ["Event", "xEventB", 1]),
    ({"suffix": {"equals-ignore-case": ".png"}}, ["a.PNG", "a.Png", ".png"], ["a.png2", "png", 1]),
    ({"prefix": {"equals-ignore-case": ""}}, ["", "a"], [1, NULL]),
    # equals-ignore-case, letter by letter
    ({"equals-ignore-case": "ec2 Change"}, ["EC2 change", "ec2 CHANGE"], ["ec2 changes", "ec", NULL]),
    ({"equals-ignore-case": ""}, [""], ["a", NULL]),
    ({"equals-ignore-case": "Ⱥ.é"}, ["ⱥ.É", "Ⱥ.é"], ["ⱥxé"]),
    ({"equals-ignore-case": "ß"}, ["ß", "SS"], ["ss", "s"]),
    ({"equals-ignore-case": "🚀"}, ["🚀"], ["?"]),
    # wildcard
    ({"wildcard": "dir/*.png"}, ["dir/a.png", "dir/.png", "dir/a/b.png"], ["dir/a.pn", "xdir/a.png", "dir/a.pngx", 1]),
    ({"wildcard": "*"}, ["", "a", "a\nb"], [1, NULL, TRUE]),
    ({"wildcard": ""}, [""], ["a", NULL]),
    ({"wildcard": "Simple*Service"}, ["SimpleService", "SimpleQueueService"], ["SimpleQueueServices"]),
    ({"wildcard": "a*a"}, ["aa", "aba"], ["a"]),
    ({"wildcard": "a*b*b"}, ["abb", "axbxb", "abbb"], ["ab"]),
    ({"wildcard": "*ab*ab*"}, ["abab", "xabxabx"], ["aba", "ab"]),
    ({"wildcard": "\\*\\\\"}, ["*\\"], ["a\\", "\\*\\\\"]),
    ({"wildcard": "a\\**"}, ["a*", "a*b"], ["ab"]),
    (
        {"wildcard": "/Users/*/dir/dir/dir/dir/dir/doc.txt"},
        ["/Users/x/dir/dir/dir/dir/dir/doc.txt"],
        ["/Users/doc.txt"],
    ),
    # anything-but: any value that there is
    ({"anything-but": "initializing"}, ["running", "", NULL, 1, TRUE], ["initializing"]),
    ({"anything-but": 123}, [124, "123", NULL], [123, 123.0]),
    ({"anything-but": 0}, [1, FALSE, ""], [0, 0.0]),
    ({"anything-but": ["stopped", "overloaded"]}, ["running", NULL], ["stopped", "overloaded"]),
    ({"anything-but": [100, 200, 300]}, [400, "100"], [100, 3e2]),
    ({"anything-but": ""}, ["a", NULL], [""]),
    ({"anything-but": {"prefix": "init"}}, ["post-init", 12, NULL], ["init", "initial"]),
    ({"anything-but": {"prefix": ["init", "post"]}}, ["ready", 12, NULL], ["post-init", "init"]),
    ({"anything-but": {"suffix": ".txt"}}, ["file.txt.bak", NULL], ["file.txt"]),
    ({"anything-but": {"suffix": [".txt", ".jpg"]}}, ["file.png", 1], ["file.txt", "file.jpg"]),
    ({"anything-but": {"equals-ignore-case": "initializing"}}, ["running", NULL], ["INITIALIZING", "initializing"]),
    ({"anything-but": {"equals-ignore-case": ["initializing", "stopped"]}}, ["pending", NULL, 1], ["Stopped"]),
    ({"anything-but": {"equals-ignore-case": ""}}, ["a"], [""]),
    ({"anything-but": {"wildcard": "*/lib/*"}}, ["/bin/a", "lib", 123, NULL], ["/usr/lib/a", "/lib/"]),
    ({"anything-but": {"wildcard": ["*/init/*", "*/dir/*"]}}, ["dir/post/dir"], ["dir/init/dir", "a/dir/b"]),
    ({"anything-but": {"wildcard": ["*/bin/*.jar", "*/bin/*.class"]}}, ["/bin/a.py"], ["/bin/a.jar", "/x/bin/y.class"]),
    ({"anything-but": {"wildcard": ""}}, ["dir/init/file"], [""]),
    # numeric
    ({"numeric": ["=", 301.8]}, [301.8, 3.018e2], [301, "301.8", NULL]),
    ({"numeric": ["<", 10]}, [9.9, -1e300], [10, 10.5, "1"]),
    ({"numeric": ["<=", 10]}, [10, 10.0], [10.000001]),
    ({"numeric": [">", 100]}, [101.0, 1e10], [100, NULL, "300", TRUE]),
    ({"numeric": [">=", 100]}, [100], [99.999999]),
    ({"numeric": [">", 0, "<=", 5]}, [0.1, 5], [0, 5.1]),
    ({"numeric": [">=", 200, "<", 500]}, [200, 499], [199, 500]),
    ({"numeric": [">=", -5e9, "<=", 5e9]}, [-5000000000, 0, 5000000000], [5000000001, "0"]),
    # exists
    ({"exists": TRUE}, ["", NULL, 0, FALSE], []),
    ({"exists": FALSE}, [], ["", NULL, 0, FALSE]),
    # cidr
    ({"cidr": "10.0.0.0/24"}, ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "10.0.0.256", 123, NULL, "10.0.0.0/24"]),
    ({"cidr": "10.0.0.77/25"}, ["10.0.0.1", "10.0.0.127"], ["10.0.0.128"]),
    ({"cidr": "0.0.0.0/0"}, ["1.2.3.4"], ["::1", "a", 5]),
    ({"cidr": "54.240.196.171/31"}, ["54.240.196.170", "54.240.196.171"], ["54.240.196.169", "54.240.196.172"]),
    (
        {"cidr": "2001:db8:1234:1a00::/64"},
        ["2001:0db8:1234:1a00:0000:0000:0000:0000"],
        ["2001:0db8:123f:1a01::", "::1"],
    ),
    ({"cidr": "::/127"}, ["::", "::1"], ["::2", "0.0.0.0"]),
]


@pytest.mark.parametrize(("rule", "taken", "others"), VALUES, ids=lambda value: json.dumps(value))
def test_a_rule_takes_some_values_and_not_others(rule: Any, taken: Any, others: Any) -> None:
    for value in taken:
        assert takes({"field": [rule]}, {"field": value}), value
    for value in others:
        assert not takes({"field": [rule]}, {"field": value}), value


@pytest.mark.parametrize("rule", [rule for rule, _, _ in VALUES if rule != {"exists": FALSE}], ids=json.dumps)
@pytest.mark.parametrize("event", [{}, {"Field": "a"}, {"field": {}}, {"field": {"a": "b"}}, {"field": []}, {"a": 1}])
def test_where_there_is_no_value_only_exists_false_takes_it(rule: Any, event: Any) -> None:
    assert not takes({"field": [rule]}, event)
    assert takes({"field": [rule, {"exists": FALSE}]}, event)


# --- several rules, fields and objects: (pattern, events that it takes, events that it does not take)

EC2 = {
    "version": "0",
    "id": "ddddd4-aaaa-7777-4444-345dd43cc333",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "012345679012",
    "time": "2017-10-02T16:24:49Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-000000aaaaaa00000"],
    "detail": {
        "c-count": 5,
        "d-count": 3,
        "x-limit": 301.8,
        "source-ip": "10.0.0.33",
        "instance-id": "i-000000aaaaaa00000",
        "state": "running",
    },
}


def ec2(**detail: Any) -> dict[str, Any]:
    event: dict[str, Any] = deepcopy(EC2)
    event["detail"].update(detail)
    return event


COUNTS = [{"c": [{"numeric": [">", 0]}]}, {"d": [{"numeric": ["<", 10]}]}, {"x": [301.8]}]
EVENTS = [
    # several fields: all of them; several rules of one field: any of them
    (
        {
            "detail-type": ["EC2 Instance State-change Notification"],
            "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-000000aaaaaa00000"],
            "detail": {"state": ["initializing", "running"]},
        },
        [EC2, ec2(state="initializing"), ec2(state=["stopped", "running"])],
        [ec2(state="stopped"), {**EC2, "detail": {}}, {**EC2, "detail-type": "other"}, {}],
    ),
    (
        {
            "time": [{"prefix": "2017-10-02"}],
            "detail": {
                "state": [{"anything-but": "initializing"}],
                "c-count": [{"numeric": [">", 0, "<=", 5]}],
                "d-count": [{"numeric": ["<", 10]}],
                "x-limit": [{"anything-but": [100, 200, 300]}],
                "source-ip": [{"cidr": "10.0.0.0/8"}],
            },
        },
        [EC2],
        [
            ec2(state="initializing"),
            ec2(**{"x-limit": 300}),
            ec2(**{"source-ip": "11.0.0.1"}),
            ec2(**{"d-count": None}),
        ],
    ),
    (
        {"admins": ["skyli", {"prefix": "hey"}, {"prefix": "ad"}]},
        [{"admins": "admin"}, {"admins": "skyli"}],
        [{"admins": "x"}],
    ),
    (
        {"n": [{"numeric": [">", 100]}, {"anything-but": "101"}]},
        [{"n": "42"}, {"n": 101}, {"n": 7}],
        [{"n": "101"}, {}],
    ),
    ({"k": [{"exists": TRUE}, {"prefix": "IGNORED"}]}, [{"k": "v"}], [{}]),
    # null is a value, a missing field has none
    (
        {"detail": {"x": [NULL]}},
        [{"detail": {"x": NULL}}],
        [{"detail": {"x": "null"}}, {"detail": {}}, {"detail": NULL}],
    ),
    ({"detail": {"x": [""]}}, [{"detail": {"x": ""}}], [{"detail": {"x": NULL}}]),
    # only leaves have values
    ({"c": [{"exists": TRUE}]}, [{"c": 1}, {"c": [1]}], [{"c": {"c1": 100}}, {"c": []}, {"c": {}}, {}]),
    ({"c": [{"exists": FALSE}]}, [{"c": {"c1": 100}}, {"c": []}, {"c": {}}, {}], [{"c": NULL}, {"c": [NULL]}]),
    ({"a": {"b": {"c": [{"exists": FALSE}]}}}, [{}, {"a": 1}, {"a": {"b": "x"}}], [{"a": {"b": {"c": 1}}}]),
    ({"a": {"b": ["x"]}}, [{"a": {"b": "x"}}], [{"a": "x"}, {"a": '{"b": "x"}'}, {"b": "x"}, {"a": {"a": {"b": "x"}}}]),
    (
        {"S": [{"anything-but": ["roses"]}, {"exists": FALSE}]},
        [{"S": "ABCD"}, {"N": "789"}, {}],
        [{"S": "roses"}],
    ),
    # names are as they are written; a dot in a name is as good as an object
    ({"MY_KEY": ["v"]}, [{"MY_KEY": "v"}], [{"my_key": "v"}]),
    (
        {"d": {"state": {"status": [1]}}},
        [{"d": {"state.status": 1}}, {"d.state.status": 1}],
        [{"d": {"state.status": {"status": 1}}}],
    ),
    ({"d": {"state.status": [1]}}, [{"d": {"state": {"status": 1}}}], [{"d": {"state": {"status": {"status": 1}}}}]),
    ({"": {"a": ["x"]}}, [{"": {"a": "x"}}, {".a": "x"}], [{"a": "x"}]),
    # arrays: any of their elements, however deep
    (
        {"r": ["a", "b"]},
        [{"r": ["x", "b"]}, {"r": "a"}, {"r": [["x"], ["a"]]}, {"r": [{"z": 1}, "a"]}],
        [{"r": ["x"]}, {"r": []}],
    ),
    ({"r": [NULL]}, [{"r": [NULL]}], [{"r": []}]),
    ({"r": [{"anything-but": "a"}]}, [{"r": ["a", "b"]}], [{"r": ["a", "a"]}, {"r": []}]),
    ({"l": {"id": [{"exists": TRUE}]}}, [{"l": [{"k": 1}, {"id": 2}, {"k": 3}]}], [{"l": [{"k": 1}]}, {"l": ["id"]}]),
    # what is said of one field last counts
    (
        '{"d": {"l": [{"prefix": "us-"}], "l": [{"anything-but": "us-east"}]}}',
        [{"d": {"l": "eu"}}],
        [{"d": {"l": "us-east"}}],
    ),
    ('{"a": {"b": [1]}, "a": {"c": [2]}}', [{"a": {"b": 1, "c": 2}}], [{"a": {"c": 2}}, {"a": {"b": 1}}]),
    ({"a.b": [1], "a": {"b": [2]}}, [{"a": {"b": 2}}], [{"a": {"b": 1}}]),
    ('{"a": [1], "a": {"b": [2]}}', [{"a": [1, {"b": 2}]}], [{"a": 1}, {"a": {"b": 2}}]),
    # $or
    (
        {"source": ["cw"], "$or": [{"metric": ["CPU", "Read"]}, {"namespace": ["EC2"]}]},
        [{"source": "cw", "metric": "CPU"}, {"source": "cw", "metric": "x", "namespace": "EC2"}],
        [{"source": "cw"}, {"metric": "CPU"}, {"source": "cw", "namespace": "x"}],
    ),
    (
        {"detail": {"$or": COUNTS}},
        [{"detail": {"c": 0, "d": 0, "x": 1}}, {"detail": {"x": 301.8}}],
        [{"detail": {"c": 0, "d": 10}}, {"c": 1}],
    ),
    (
        {"$or": [{"m": [1]}, {"n": [1]}], "detail": {"$or": [{"s": [1]}, {"t": [1]}]}},
        [{"m": 1, "detail": {"t": 1}}, {"n": 1, "detail": {"s": 1}}],
        [{"m": 1}, {"m": 1, "n": 1}, {"detail": {"s": 1, "t": 1}}, {"m": 1, "t": 1}],
    ),
    (
        {"s": [1], "$or": [{"m": [1]}, {"t": [1], "n": [1], "$or": [{"i": [1]}, {"j": [1]}]}, {"u": [1]}]},
        [{"s": 1, "m": 1}, {"s": 1, "t": 1, "n": 1, "j": 1}, {"s": 1, "u": 1}],
        [{"s": 1, "t": 1, "n": 1}, {"s": 1, "t": 1, "i": 1}, {"m": 1}],
    ),
    ({"$or": [{"a": {"b": [1]}}, {"c": {"d": [1]}}]}, [{"a": {"b": 1}}, {"c": {"d": 1}}], [{"a": {"d": 1}}]),
    ({"$or": [{"$or": [{"a": [1]}, {"b": [1]}]}, {"c": [1]}]}, [{"a": 1}, {"b": 1}, {"c": 1}], [{"a": 2}]),
    ({"a": [1], "$or": [{"a": [2]}, {"b": [3]}]}, [{"a": 2}, {"a": 1, "b": 3}], [{"a": 1}, {"b": 3}]),
    ({"$or": [{"a": [2]}, {"b": [3]}], "a": [1]}, [{"a": 1}], [{"a": 2}, {"b": 3}]),
    # $or as a field, where it cannot be anything else
    ({"$or": {"m": [1]}}, [{"$or": {"m": 1}}], [{"m": 1}]),
    ({"$or": [{"numeric": [">", 0]}, {"cidr": "10.0.0.0/8"}]}, [{"$or": 1}, {"$or": "10.0.0.1"}], [{"$or": 0}, {}]),
    # a reserved name is a field outside of $or
    ({"prefix": ["a"], "exists": [1]}, [{"prefix": "a", "exists": 1}], [{"prefix": "a"}]),
]


@pytest.mark.parametrize(("pattern", "taken", "others"), EVENTS, ids=lambda value: json.dumps(value)[:60])
def test_a_pattern_takes_some_events_and_not_others(pattern: Any, taken: Any, others: Any) -> None:
    for event in taken:
        assert takes(pattern, event), event
    for event in others:
        assert not takes(pattern, event), event


PEOPLE = [{"first": "John", "last": "Doe"}, {"first": "Anna", "last": "Smith"}, {"first": "Peter", "last": "Jones"}]
TEAMS = [
    {"name": "red", "members": [{"n": 1, "r": "a"}, {"n": 2, "r": "b"}]},
    {"name": "blue", "members": [{"n": 3, "r": "a"}]},
]
CONSISTENT = [
    ({"p": {"first": ["Anna"]}}, {"p": PEOPLE}, True),
    ({"p": {"first": ["Anna"], "last": ["Smith"]}}, {"p": PEOPLE}, True),
    ({"p": {"first": ["Anna"], "last": ["Jones"]}}, {"p": PEOPLE}, False),
    ({"p": {"first": ["Anna", "Peter"], "last": ["Jones"]}}, {"p": PEOPLE}, True),
    ({"p": {"first": ["Anna"], "last": ["Smith"]}}, {"p": [PEOPLE[:2], PEOPLE[2:]]}, True),
    ({"p": {"first": ["Anna"], "last": ["Doe"]}}, {"p": [PEOPLE[:2], PEOPLE[2:]]}, False),
    ({"p": {"first": ["Anna"]}, "q": {"first": ["John"]}}, {"p": PEOPLE, "q": PEOPLE}, True),
    ({"t": {"name": ["red"], "members": {"n": [2]}}}, {"t": TEAMS}, True),
    ({"t": {"name": ["red"], "members": {"n": [3]}}}, {"t": TEAMS}, False),
    ({"t": {"name": ["red"], "members": {"n": [1], "r": ["a"]}}}, {"t": TEAMS}, True),
    ({"t": {"name": ["red"], "members": {"n": [1], "r": ["b"]}}}, {"t": TEAMS}, False),
    ({"t": {"members": {"n": [3], "r": ["a"]}}}, {"t": TEAMS}, True),
    ({"t": {"members.n": [3], "name": ["blue"]}}, {"t": TEAMS}, True),
    # plain values of an array belong to all of its elements
    ({"a": ["x"], "a.b": [1]}, {"a": ["x", {"b": 1}]}, True),
    ({"a": {"tags": ["x"], "n": [1]}}, {"a": [{"tags": ["x", "y"], "n": 1}]}, True),
    ({"a": {"tags": ["x"], "n": [1]}}, {"a": [{"tags": ["x"], "n": 2}, {"tags": ["y"], "n": 1}]}, False),
    # nothing is said of arrays that a value is not in
    ({"c": {"a": ["A"], "a.b": [0.1]}}, {"c": {"a.b": [0.1], "a": [{"b": True}, ["A"]]}}, True),
    ({"c": {"a": ["A"], "a.b": [True]}}, {"c": {"a.b": [0.1], "a": [{"b": True}, ["A"]]}}, False),
    ({"c": {"a": ["A"], "a.b": [{"exists": False}]}}, {"c": {"a.b": [0.1], "a": [{"b": True}, ["A"]]}}, False),
    ({"c": {"a": ["A"], "a.b": [{"exists": False}]}}, {"c": {"a": [{"b": True}, ["A"]]}}, True),
    # what is missing is missing in the element where the fields before it, by name, are
    ({"a": {"b": [1], "x": [{"exists": False}]}}, {"a": [{"b": 1}, {"b": 2, "x": 1}]}, True),
    ({"a": {"b": [1], "x": [{"exists": False}]}}, {"a": [{"b": 2}, {"b": 1, "x": 1}]}, False),
    ({"a": {"b": [{"exists": False}], "x": [1]}}, {"a": [{"b": 1}, {"x": 1}]}, False),
    # each element of a sparse array stands for itself
    ({"d": {"a": [{"exists": True}], "b": [{"exists": True}]}}, {"d": [{"a": 1}, {"b": 2}]}, False),
    ({"d": {"a": [{"exists": True}], "b": [{"exists": True}]}}, {"d": [{"a": 1}, {"b": 2}, {"a": 3, "b": 4}]}, True),
    ({"$or": [{"d": {"a": [1], "b": [3]}}, {"d": {"a": [1], "c": [2]}}]}, {"d": [{"a": 1}, {"a": 1, "c": 2}]}, True),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "event", "taken"), CONSISTENT, ids=lambda value: json.dumps(value)[:60])
def test_several_fields_fit_in_one_element_of_an_array(pattern: Any, event: Any, taken: Any) -> None:
    assert takes(pattern, event) is taken


def test_long_arrays_are_no_trouble() -> None:
    long = [{"a": at, "b": -at, "c": [{"d": at}]} for at in range(3000)]
    event = {"x": long, "y": long, "z": long}
    every = {"a": [{"exists": True}], "b": [{"exists": True}], "c": {"d": [{"exists": True}]}}
    assert takes({"x": every, "y": every, "z": every}, event)
    assert not takes({"x": every, "y": every, "z": {**every, "e": [1]}}, event)


def test_values_in_a_thousand_arrays_are_no_trouble() -> None:
    event: dict[str, Any] = {}
    value = event
    for _ in range(3000):
        inner: dict[str, Any] = {}
        value["a"], value = [[inner]], inner
    value["a"] = "x"
    assert not takes({"a": ["x"]}, event)


# --- what is no pattern

REFUSED = [
    ("", "not JSON"),
    ("{'a': [1]}", "not JSON"),
    ('{"a": [1],}', "not JSON"),
    ('{"a": [1]} x', "not JSON"),
    ('{"a": [NaN]}', "not JSON"),
    ('{"a": [1e400]}', "not JSON"),
    ("[]", "no JSON object"),
    ('"a"', "no JSON object"),
    ("null", "no JSON object"),
    ({}, "at its top: an object is empty"),
    ({"a": {}}, "at a: an object is empty"),
    ({"a": {"b": {}}}, "at a.b: an object is empty"),
    ({"a": []}, "at a: the list is empty"),
    ({"a": {"b": []}}, "at a.b: the list is empty"),
    ('{"a": [], "a": [1]}', "at a: the list is empty"),
    ({"a": 42}, "at a: 42 is no list and no object"),
    ({"a": "text"}, 'at a: "text" is no list'),
    ({"a": None}, "at a: null is no list"),
    ({"a": {"exists": True}}, "at a.exists: true is no list"),
    ({"a": [[1]]}, "at a[0]: a list stands in a list"),
    ({"a": [1, {}]}, "at a[1]: an object holds one operator, not 0"),
    ({"a": [{"prefix": "a", "suffix": "b"}]}, "one operator, not 2"),
    ('{"a": [{"prefix": "a", "prefix": "b"}]}', "one operator, not 2"),
    ({"a": [{"EXISTS": True}]}, "'EXISTS' is no operator"),
    ({"a": [{"NUMERIC": ["=", 5]}]}, "'NUMERIC' is no operator"),
    ({"a": [{"prefx": "a"}]}, "'prefx' is no operator"),
    ({"a": [{"$or": [{"b": [1]}, {"c": [1]}]}]}, "'$or' is no operator"),
    ({"a": [{"prefix": 123}]}, "at a[0].prefix: 123 is no text"),
    ({"a": [{"prefix": ["a"]}]}, 'at a[0].prefix: ["a"] is no text'),
    ({"a": [{"prefix": None}]}, "null is no text"),
    ({"a": [{"prefix": {}}]}, "one operator, not 0"),
    ({"a": [{"prefix": {"suffix": "a"}}]}, "'suffix' cannot stand in prefix"),
    ({"a": [{"prefix": {"equals-ignore-case": 1}}]}, "at a[0].prefix.equals-ignore-case: 1 is no text"),
    ({"a": [{"suffix": 123}]}, "123 is no text"),
    ({"a": [{"suffix": [".png"]}]}, "is no text"),
    ({"a": [{"suffix": {"equals-ignore-case": ["a"]}}]}, "is no text"),
    ({"a": [{"equals-ignore-case": ["a"]}]}, "is no text"),
    ({"a": [{"equals-ignore-case": {"prefix": "a"}}]}, "is no text"),
    ({"a": [{"exactly": 1}]}, "1 is no text"),
    ({"a": [{"wildcard": 123}]}, "123 is no text"),
    ({"a": [{"wildcard": ["a*"]}]}, "is no text"),
    ({"a": [{"wildcard": "a**b"}]}, "two * in a row"),
    ({"a": [{"wildcard": "a\\b"}]}, "a backslash stands before"),
    ({"a": [{"wildcard": "a\\"}]}, "a backslash stands before"),
    ({"a": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}, "at a: the wildcards are too complex"),
    ({"a": [{"wildcard": "*a*a*a*a*a*a*a*a*"}]}, "too complex"),
    ({"k": [{"wildcard": f"*/datasync/*.{end}"} for end in ("bif", "tif", "svs")]}, "too complex"),
    ({"$or": [{"k": [{"wildcard": f"*/datasync/*.{end}"}]} for end in ("bif", "tif", "svs")]}, "too complex"),
    ({"a": [{"anything-but": None}]}, "null is no number"),
    ({"a": [{"anything-but": True}]}, "true is no number"),
    ({"a": [{"anything-but": []}]}, "the list is empty"),
    ({"a": [{"anything-but": ["a", None]}]}, "texts only, or numbers only"),
    ({"a": [{"anything-but": ["a", 1]}]}, "texts only, or numbers only"),
    ({"a": [{"anything-but": [[1]]}]}, "[1] is no number"),
    ({"a": [{"anything-but": 5000000001}]}, "not between -5.0e9 and 5.0e9"),
    ({"a": [{"anything-but": {}}]}, "one operator, not 0"),
    ({"a": [{"anything-but": {"exists": True}}]}, "'exists' cannot stand in anything-but"),
    ({"a": [{"anything-but": {"numeric": ["=", 1]}}]}, "'numeric' cannot stand in anything-but"),
    ({"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}, "'cidr' cannot stand in anything-but"),
    ({"a": [{"anything-but": {"prefix": "a", "suffix": "b"}}]}, "one operator, not 2"),
    ({"a": [{"anything-but": {"prefix": ""}}]}, "an empty one"),
    ({"a": [{"anything-but": {"prefix": ["a", ""]}}]}, "an empty one"),
    ({"a": [{"anything-but": {"prefix": []}}]}, "the list is empty"),
    ({"a": [{"anything-but": {"prefix": 123}}]}, "123 is no text"),
    ({"a": [{"anything-but": {"prefix": [123, "test"]}}]}, "123 is no text"),
    ({"a": [{"anything-but": {"prefix": {"equals-ignore-case": "file"}}}]}, "is no text"),
    ({"a": [{"anything-but": {"suffix": ""}}]}, "an empty one"),
    ({"a": [{"anything-but": {"suffix": [None, ".txt"]}}]}, "null is no text"),
    ({"a": [{"anything-but": {"suffix": {"equals-ignore-case": ".png"}}}]}, "is no text"),
    ({"a": [{"anything-but": {"equals-ignore-case": 123}}]}, "123 is no text"),
    ({"a": [{"anything-but": {"equals-ignore-case": [123, 456]}}]}, "123 is no text"),
    ({"a": [{"anything-but": {"wildcard": 123}}]}, "123 is no text"),
    ({"a": [{"anything-but": {"wildcard": [123, "*/dir/*"]}}]}, "123 is no text"),
    ({"a": [{"anything-but": {"wildcard": ["a", "a**"]}}]}, "two * in a row"),
    ({"a": [{"numeric": 10}]}, "a list of one comparison, or of two"),
    ({"a": [{"numeric": []}]}, "a list of one comparison, or of two"),
    ({"a": [{"numeric": [">", 0, "<"]}]}, "a list of one comparison, or of two"),
    ({"a": [{"numeric": [">", 1, "<", 5, "<", 6]}]}, "a list of one comparison, or of two"),
    ({"a": [{"numeric": ["==", 1]}]}, '"==" is no comparison'),
    ({"a": [{"numeric": [1, 1]}]}, "1 is no comparison"),
    ({"a": [{"numeric": ["=", "1"]}]}, '"1" is no number'),
    ({"a": [{"numeric": ["=", True]}]}, "true is no number"),
    ({"a": [{"numeric": [">", 0, ">", 0]}]}, "the first is > or >="),
    ({"a": [{"numeric": ["<", 5, ">", 1]}]}, "the first is > or >="),
    ({"a": [{"numeric": ["=", 1, "<", 5]}]}, "the first is > or >="),
    ({"a": [{"numeric": [">", 5, "<", 1]}]}, "the first number is not below the second"),
    ({"a": [{"numeric": [">=", 5, "<=", 5]}]}, "the first number is not below the second"),
    ({"a": [{"numeric": ["<", 5000000001]}]}, "not between -5.0e9 and 5.0e9"),
    ({"a": [{"numeric": [">", -5000000001, "<", 0]}]}, "not between -5.0e9 and 5.0e9"),
    ({"a": [{"exists": "true"}]}, '"true" is neither true nor false'),
    ({"a": [{"exists": 1}]}, "1 is neither true nor false"),
    ({"a": [{"exists": None}]}, "null is neither true nor false"),
    ({"a": [{"cidr": "bad-filter"}]}, "there is no /"),
    ({"a": [{"cidr": "10.0.0.0"}]}, "there is no /"),
    ({"a": [{"cidr": "xx.11.xx/8"}]}, "'xx.11.xx' is no IP address"),
    ({"a": [{"cidr": "xxxx:db8:1234:1a00::/64"}]}, "is no IP address"),
    ({"a": [{"cidr": "256.0.0.0/8"}]}, "is no IP address"),
    ({"a": [{"cidr": "10.0.0.0/"}]}, "'' is no number of bits from 0 to 31"),
    ({"a": [{"cidr": "10.0.0.0/64filter"}]}, "is no number of bits"),
    ({"a": [{"cidr": "10.0.0.0/-1"}]}, "is no number of bits"),
    ({"a": [{"cidr": "10.0.0.0/32"}]}, "'32' is no number of bits from 0 to 31"),
    ({"a": [{"cidr": "::/128"}]}, "'128' is no number of bits from 0 to 127"),
    ({"a": [{"cidr": ["10.0.0.0/8"]}]}, "is no text"),
    ({"$or": []}, "at $or: $or takes a list of two objects or more"),
    ({"$or": [{"a": [1]}]}, "two objects or more"),
    ({"$or": "a"}, "two objects or more"),
    ({"$or": [{"a": [1]}, 1]}, "two objects or more"),
    ({"d": {"$or": [{"a": [1]}, [{"b": [1]}]]}}, "at d.$or: $or takes"),
    ({"$or": [{"a": [1]}, {}]}, "an object is empty"),
    ({"$or": [{"a": [1]}, {"b": 1}]}, "at b: 1 is no list"),
    ({"$or": [{"a": [1]}, {"$or": [{"b": [1]}]}]}, "two objects or more"),
    ({"$or": [{"exists": [1]}, {"a": [1]}]}, "at exists: 'exists' cannot name a field in $or"),
    ({"$or": [{"a": {"numeric": [1]}}, {"b": [1]}]}, "at a.numeric: 'numeric' cannot name"),
    ({str(at): {"$or": [{"x": [1]}, {"y": [1]}]} for at in range(10)}, "more than 1000 combinations"),
    *(('{"a":' * deep + "[1]" + "}" * deep, "too deep") for deep in (100, 400, 900)),
    ('{"a":' * 100_000, "not JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "said"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_read_is_refused_with_place_and_reason(pattern: Any, said: Any) -> None:
    assert said in refusal(pattern)


@pytest.mark.parametrize("pattern", [{"a": [float("nan")]}, {"a": [{1, 2}]}, {"a": [b""]}, {("a",): [1]}])
def test_what_is_not_json_is_refused(pattern: Any) -> None:
    assert "not JSON" in refusal(pattern)


def test_what_is_just_allowed_is_read() -> None:
    parse_filter('{"a":' * 98 + "[1]" + "}" * 98)
    parse_filter({"k": [{"wildcard": f"*/datasync/*.{end}"} for end in ("bif", "tif")]})
    parse_filter({"k": [{"wildcard": f"*.{end}"} for end in ("bif", "tiff", "tif", "svs")]})
    parse_filter({"a": [{"wildcard": "arn:aws:events:us-east-1:*:event-bus/*"}]})
    parse_filter({"a": [{"anything-but": {"wildcard": [f"*/bin/*.{end}" for end in ("jar", "class", "so")]}}]})
    parse_filter({str(at): {"$or": [{"x": [1]}, {"y": [1]}]} for at in range(9)})


# --- why an event is not taken


@pytest.mark.parametrize(
    ("pattern", "event", "sentence"),
    [
        ({"s": ["running"]}, {"s": "stopped"}, 's is "stopped", which ["running"] does not take.'),
        ({"d": {"s": ["a", 1]}}, {}, 'd.s has no value, and the filter wants ["a", 1].'),
        ({"s": [{"exists": False}]}, {"s": 1}, 's is 1, which [{"exists":false}] does not take.'),
        ({"a": [1], "b": [2]}, {"a": 1, "b": None}, "b is null, which [2] does not take."),
        ({"r": [9]}, {"r": [1, 2, 3, 4]}, "r is 1 and 2 and 3 and so on, which [9] does not take."),
        (
            {"p": {"first": ["Anna"], "last": ["Doe"]}},
            {"p": PEOPLE[:2]},
            'p.last is "Doe" and "Smith", but not as ["Doe"] in the element of its array where the other fields fit.',
        ),
        (
            {"$or": [{"a": [1]}, {"b": [2]}]},
            {"a": 2},
            "a is 2, which [1] does not take; b has no value, and the filter wants [2].",
        ),
        (
            {"$or": [{name: [1]} for name in "abcde"]},
            {},
            "a has no value, and the filter wants [1]; b has no value, and the filter wants [1]; "
            "c has no value, and the filter wants [1]; and 2 more.",
        ),
        ({"a": [1]}, {"a": 1.0}, ""),
    ],
)  # fmt: skip
def test_a_sentence_says_which_field_has_what(pattern: Any, event: Any, sentence: Any) -> None:
    assert parse_filter(pattern).why_not(event) == sentence


# --- the text


def test_patterns_that_are_equal_have_one_text() -> None:
    assert parse_filter('{ "a" : [ 1 , {"prefix":"ä"} ] }').text == parse_filter({"a": [1, {"prefix": "ä"}]}).text
    assert pattern_text('{"b": [1],\n "a": [2], "b": [3]}') == '{"b":[1],"a":[2],"b":[3]}'


# --- properties

names = st.sampled_from("abc")
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, 1.0]), st.text("ab*", max_size=2)
)
events = st.dictionaries(
    names,
    st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8),
)  # fmt: skip
texts = st.text("ab", min_size=1, max_size=2)
rules = st.one_of(
    scalars,
    st.booleans().map(lambda there: {"exists": there}),
    st.tuples(st.sampled_from(["prefix", "suffix", "equals-ignore-case", "wildcard"]), texts).map(lambda pair: dict([pair])),
    st.lists(texts, min_size=1, max_size=2).map(lambda found: {"anything-but": found}),
    st.integers(-2, 2).map(lambda number: {"numeric": [">", number]}),
)  # fmt: skip
fields = st.dictionaries(names, st.lists(rules, min_size=1, max_size=2), min_size=1, max_size=2)


@given(first=fields, others=st.lists(fields, min_size=2, max_size=3), event=events)
def test_or_is_any_of_what_it_writes_out(first: Any, others: Any, event: Any) -> None:
    pattern = {**first, "$or": others}
    assert takes(pattern, event) == any(takes({**first, **other}, event) for other in others)


@given(under=st.lists(st.lists(fields, min_size=2, max_size=2), min_size=2, max_size=2), event=events)
def test_two_of_them_are_all_pairs(under: Any, event: Any) -> None:
    pattern = {"a": {"$or": under[0]}, "b": {"$or": under[1]}}
    pairs = [{"a": one, "b": other} for one, other in product(*under)]
    assert takes(pattern, event) == any(takes(pair, event) for pair in pairs)


@given(value=scalars, words=st.lists(st.text("ab*", max_size=2), min_size=1, max_size=3))
def test_anything_but_is_not_exactly_these(value: Any, words: Any) -> None:
    assert takes({"a": [{"anything-but": words}]}, {"a": value}) != takes({"a": words}, {"a": value})


@given(value=scalars, name=st.sampled_from(["prefix", "suffix", "equals-ignore-case", "wildcard"]), word=texts)
def test_anything_but_turns_an_operator_round(value: Any, name: Any, word: Any) -> None:
    assert takes({"a": [{"anything-but": {name: word}}]}, {"a": value}) != takes({"a": [{name: word}]}, {"a": value})


@given(event=events, name=names)
def test_a_field_exists_or_not(event: Any, name: Any) -> None:
    assert takes({name: [{"exists": True}]}, event) != takes({name: [{"exists": False}]}, event)


@given(pattern=fields, event=events)
def test_an_array_of_one_element_is_like_the_element(pattern: Any, event: Any) -> None:
    assert takes({"x": pattern}, {"x": [event]}) == takes({"x": pattern}, {"x": event})


@given(text=st.text("ab", max_size=6), pattern=st.text("ab*", max_size=4).filter(lambda text: "**" not in text))
def test_a_star_is_any_text(text: Any, pattern: Any) -> None:
    def fits(rest: Any, left: Any) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return any(fits(rest[1:], left[at:]) for at in range(len(left) + 1))
        return bool(left) and left[0] == rest[0] and fits(rest[1:], left[1:])

    assert takes({"a": [{"wildcard": pattern}]}, {"a": text}) == fits(pattern, text)


OPERATORS = [
    "prefix",
    "suffix",
    "anything-but",
    "numeric",
    "exists",
    "wildcard",
    "cidr",
    "equals-ignore-case",
    "exactly",
]
odd = st.recursive(
    scalars | st.sampled_from([">", "<", "=", "10.0.0.0/8", "::1", "\\"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*OPERATORS, "$or", "a"]), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(
    pattern=st.one_of(st.text(), st.dictionaries(st.sampled_from(["a", "$or", "prefix"]), odd, max_size=2)),
    event=events,
)
def test_anything_is_read_or_refused_and_nothing_breaks(pattern: Any, event: Any) -> None:
    try:
        read = parse_filter(pattern)
    except BadValue:
        return
    assert (read.why_not(event) == "") == read.matches(event)
    assert parse_filter(read.text) == read
