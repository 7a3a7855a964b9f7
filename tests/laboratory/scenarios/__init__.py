"""The scenarios that histories are made of."""

from __future__ import annotations

from ..scenario import Scenario
from .breaking import Breaking
from .by_hand import ByHand
from .clocks import Clocks
from .destinations import Destinations
from .effects import Effects
from .files import Files
from .following import Following
from .gathering import Gathering
from .lanes import Lanes
from .outputs import Outputs
from .replaying import Replaying
from .schedules import Schedules
from .splits import Splits
from .topics import Topics

ALL: tuple[type[Scenario], ...] = (
    *(ByHand, Topics, Following, Outputs, Schedules, Files),
    *(Splits, Lanes, Effects, Destinations, Gathering, Breaking, Replaying, Clocks),
)
