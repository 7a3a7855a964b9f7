"""The demo goes on when the service comes back, whoever brings it back."""

import pytest

from jupyter_fn.demo import patience
from jupyter_fn.demo.patience import patient
from jupyter_fn.model.errors import HomeRefused, NotFound, ServiceError, ServiceNotRunning


class Service:
    """Answers 42 after some failures."""

    def __init__(self, *failures):
        self.failures = list(failures)

    def __call__(self):
        if self.failures:
            raise self.failures.pop(0)
        return 42


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Time passes by waiting only."""
    now = [0.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(patience.time, "sleep", lambda s: now.__setitem__(0, now[0] + s))
    return now


def test_it_asks_again_until_there_is_an_answer_and_says_so_once():
    told = []
    away = (ServiceNotRunning("gone."), ServiceError("broken."), ServiceNotRunning("gone."))
    assert patient(Service(*away), tell=told.append) == 42
    assert told == ["The service is away, the demo goes on when it is back. (gone.)"]


def test_its_patience_ends(clock):
    with pytest.raises(ServiceError, match=r"gone\."):
        patient(Service(*[ServiceError("gone.")] * 1000), tell=lambda _: None, limit_s=10)
    assert 10 < clock[0] < 11


@pytest.mark.parametrize("error", [NotFound("no such run."), HomeRefused("not writable.")])
def test_what_will_not_pass_is_raised_at_once(error):
    with pytest.raises(type(error)):
        patient(Service(error), tell=lambda _: None)
