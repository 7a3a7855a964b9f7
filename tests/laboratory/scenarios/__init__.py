"""The scenarios that histories are made of."""

from __future__ import annotations

from ..scenario import Scenario
from .by_hand import ByHand
from .files import Files
from .following import Following
from .outputs import Outputs
from .schedules import Schedules
from .topics import Topics

ALL: tuple[type[Scenario], ...] = (ByHand, Topics, Following, Outputs, Schedules, Files)
