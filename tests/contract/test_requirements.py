"""`--requirements`: a function with packages of its own, whatever the kernel and the workers have."""

import pytest

from tests.wheels import ONLY_HERE, make_wheel

WHICH = """
@fn(requirements={requirements})
def which(event):
    import fn_greeting
    return fn_greeting.VERSION
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "1.1", "2.0"):
        make_wheel(folder, "fn_greeting", version)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheels):
    cache = tmp_path_factory.mktemp("cache")
    return {**ONLY_HERE, "UV_FIND_LINKS": str(wheels), "JUPYTER_FN_CACHE": str(cache)}


@pytest.fixture(scope="module")
def settings():
    return {"max_workers": "2", "poll_s": "0.5"}


def test_a_function_finds_the_packages_that_it_asks_for(house):
    house.publish(WHICH.format(requirements="'fn-greeting<2'"))
    assert house.invoke("which").out == '"1.1"\n'
    shown = house.ok("show which --json").json["version"]["options"]
    assert (shown["requirements"], shown["lock"]) == (["fn-greeting<2"], ["fn-greeting==1.1"])
    assert "fn-greeting==1.1" in house.ok("show which").out


def test_a_file_of_requirements_means_what_stands_in_it_when_it_is_published(house):
    house.write("requirements.txt", "# ours\nfn_greeting >= 2\n")
    first = house.publish(WHICH.format(requirements="'requirements.txt'"), name="other.py")[0]
    assert house.invoke("which").out == '"2.0"\n'
    assert not house.publish(WHICH.format(requirements="['requirements.txt']"), name="other.py")[0]["created"]
    house.write("requirements.txt", "fn_greeting == 1.0\n")
    second = house.publish(WHICH.format(requirements="'requirements.txt'"), name="other.py")[0]
    assert second["number"] == first["number"] + 1
    assert house.invoke("which").out == '"1.0"\n'


def test_what_cannot_be_resolved_is_refused_when_it_is_published(house):
    house.write("bad.py", "from jupyter_fn import fn\n" + WHICH.format(requirements="'fn-greeting>7'"))
    cause, remedy = house.fn("publish bad.py").two_lines
    assert "fn-greeting>7" in cause
    assert "cannot be resolved" in cause
    assert "versions" in remedy


def test_a_value_that_was_made_with_a_package_that_the_requirements_lack_is_named(house):
    source = """
    import pandas as pd
    FRAME = pd.DataFrame({"a": [1]})
    @fn(requirements="fn-greeting")
    def rows(event):
        return len(FRAME)
    """
    house.write("lacking.py", "from jupyter_fn import fn\n" + "\n".join(line[4:] for line in source.splitlines()))
    cause, remedy = house.fn("publish lacking.py").two_lines
    assert "FRAME (pandas.DataFrame) was made with" in cause
    assert "--requirements" in remedy


def test_a_package_that_has_vanished_from_the_index_ends_the_run_and_is_not_tried_again(house, wheels):
    make_wheel(wheels, "fn_fleeting", "1.0")
    house.publish("@fn(requirements='fn-fleeting')\ndef gone(event):\n    return 1\n", name="gone.py")
    (wheels / "fn_fleeting-1.0-py3-none-any.whl").unlink()
    run = house.ended(house.submit("gone"))
    assert (run["state"], run["attempts"]) == ("dead", 1)
    assert run["error"]["type"] == "RequirementsUnmet"
    assert "fn-fleeting==1.0" in run["error"]["message"]
