"""Requirements as people write them, and what a resolver says."""

import pytest

from jupyter_fn.model.errors import BadValue
from jupyter_fn.model.requirements import cause_of, lock_digest, lock_of, may_pass, parse_requirements, versions_of


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("polars", ["polars"]),
        ("polars>=1 requests", ["polars>=1", "requests"]),
        ("polars >= 1, <2", ["polars>=1,<2"]),
        ("polars[numpy,pandas]~=1.2", ["polars[numpy,pandas]~=1.2"]),
        ("tomli; python_version < '3.11'", ["tomli;python_version<'3.11'"]),
        ("# first\npolars  # why\n\nsix==1.*\n", ["polars", "six==1.*"]),
        ("six==1.16.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\n", ["six==1.16.0"]),
    ],
)
def test_requirements_are_read(text, found):
    assert parse_requirements(text) == found


@pytest.mark.parametrize(
    "text", ["-e .", "-r other.txt", "--index-url https://x", "six @ https://x/six.whl", "./six", "a=1"]
)
def test_what_is_no_requirement_of_an_index_is_refused(text):
    with pytest.raises(BadValue, match="not a requirement"):
        parse_requirements(text)


def test_a_lock_has_pins_only_and_one_digest_whatever_the_order_was():
    lock = lock_of("# by a tool\nzlib-ng==1.0\n--index-url https://x\nA_b.c==2.0\n")
    assert lock == ("A_b.c==2.0", "zlib-ng==1.0")
    assert versions_of(lock) == {"a-b-c": "2.0", "zlib-ng": "1.0"}
    assert lock_digest(lock) == lock_digest(lock_of("A_b.c==2.0\nzlib-ng==1.0"))
    assert lock_digest(()) == ""


def test_what_a_resolver_says_becomes_one_line():
    wrapped = "Using Python 3.11\n  × No solution found:\n  ╰─▶ Because there is\n      no six==99.\n\nhint: ask for another\n"
    assert cause_of(wrapped) == "No solution found: · Because there is no six==99."
    assert cause_of("error: Failed to fetch\n  cause: refused\n") == "Failed to fetch · refused"
    assert cause_of("Killed\n") == "Killed"
    assert cause_of("") == "it says nothing"


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("error: Failed to fetch: https://x\n  cause: error sending request", True),
        ("cause: No space left on device (os error 28)", True),
        ("cause: Because there is no version of six==99", False),
    ],
)
def test_trouble_that_may_pass_is_told_from_what_will_not(said, passes):
    assert may_pass(said) is passes
