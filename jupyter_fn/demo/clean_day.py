"""The cell of `clean_day`, word for word as in the quickstart notebook: everything below its mark."""
# mypy: allow-untyped-defs

# %%fn clean_day --on "landing/*.csv settle=100ms" --retries 2
from functools import cache

import pandas as pd

TEXTS = {"carrier": "category", "origin": "category", "dest": "category", "tailnum": "str"}


@cache
def hourly_weather():
    """Read once per warm environment, not once per day."""
    return pd.read_parquet("weather.parquet")


def handler(event, context):
    """A day's CSV file becomes a day's Parquet file: types, cancelled flights, the weather of the hour."""
    flights = pd.read_csv(event.path, dtype=TEXTS, parse_dates=["time_hour"])
    flights["cancelled"] = flights.dep_time.isna()
    flights["scheduled"] = flights.time_hour + pd.to_timedelta(flights.minute, unit="min")
    day = flights.merge(hourly_weather(), on=["origin", "time_hour"], how="left", validate="many_to_one")
    with context.output(f"clean/{event.stem}.parquet") as path:
        day.to_parquet(path, index=False)
    return {"day": event.stem, "flights": len(day), "cancelled": int(day.cancelled.sum())}
