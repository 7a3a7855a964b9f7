"""The cell of `monthly_delays`, word for word as in the quickstart notebook: everything below its mark."""
# mypy: allow-untyped-defs

# %%fn monthly_delays --on fn:clean_day --concurrency 1
from pathlib import Path

import pandas as pd
from pyarrow.dataset import dataset

COLUMNS = ["cancelled", "dep_delay", "arr_delay", "precip"]


def handler(event, context):
    """A day more: its month's report, made anew from the days that are there, so it is right in any order."""
    month = event.data.day[:7]
    days = sorted(Path("clean").glob(f"{month}-*.parquet"))
    flights = dataset(days).to_table(columns=COLUMNS).to_pandas()
    rain = flights.dep_delay[flights.precip > 0]
    report = {
        "month": month,
        "days": len(days),
        "flights": len(flights),
        "cancelled": int(flights.cancelled.sum()),
        "late": int((flights.dep_delay > 15).sum()),
        "dep_delay": int(flights.dep_delay.sum()),
        "arr_delay": int(flights.arr_delay.sum()),
        "in_rain": int(rain.count()),
        "rain_delay": int(rain.sum()),
    }
    with context.output(f"report/{month}.csv") as path:
        pd.DataFrame([report]).to_csv(path, index=False)
    return report
