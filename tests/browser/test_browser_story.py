"""The main walk in a real browser: a cell is published, a file comes, and the side panel shows what it did and cost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from playwright.sync_api import Locator, expect

if TYPE_CHECKING:
    from .conftest import Lab, Window

pytestmark = [pytest.mark.browser, pytest.mark.service]

NOTEBOOK = "delays.ipynb"
SHIP = """\
%%fn daily_delays --on "incoming/*.csv settle=200ms" --memory 256MB --retries 0
import pandas as pd

def handler(event, context):
    flights = pd.read_csv(event.path)
    delays = flights.groupby("carrier").dep_delay.mean().round(1)
    with context.output(f"out/{event.stem}.parquet") as path:
        delays.to_frame().to_parquet(path)
    return {"rows": len(flights), "worst": delays.idxmax()}
"""
CELLS = [
    nbformat.v4.new_markdown_cell("# Delays per carrier, a file at a time"),
    nbformat.v4.new_code_cell("%load_ext jupyter_fn"),
    nbformat.v4.new_code_cell(SHIP),
    nbformat.v4.new_code_cell("from jupyter_fn import fn\n\nfn.dashboard()"),
]
LOAD, PUBLISH, DASHBOARD = 1, 2, 3
FIGURES = re.compile(r"\d ?(ms|s) · \$0\.0\d+")
SLOW_MS = 60_000  # the first cluster, the first worker, the first pandas
FLIGHTS = "carrier,dep_delay\nUA,2\nAA,-4\nUA,21\nB6,55\nDL,0\n"


@pytest.fixture
def notebook(lab: Lab) -> str:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(cells=CELLS, metadata={"kernelspec": kernel})
    (lab.work / "incoming").mkdir()
    nbformat.write(made, lab.work / NOTEBOOK)
    return NOTEBOOK


def test_a_file_comes_and_the_panel_shows_state_duration_and_cost(
    window: Window, notebook: str, screenshots: Path
) -> None:
    window.page.get_by_role("tab", name="Functions").click()
    start_the_service_from_the_panel(window)
    publish_a_cell(window, notebook)
    a_file_becomes_a_run(window, "2013-01-01", FLIGHTS)
    open_the_dashboard(window)
    a_file_becomes_a_run(window, "2013-01-02", FLIGHTS)
    expect(window.outputs(DASHBOARD).last.locator(".jpfn-strip i")).to_have_count(2)
    window.page.screenshot(path=screenshots / "panel.png")
    a_broken_file_becomes_a_failed_run(window)
    pause_and_resume(window)
    a_hidden_panel_is_silent_and_catches_up(window)
    the_dashboard_outlives_its_kernel(window)
    assert window.elsewhere == []


@pytest.mark.parametrize("lab", ["notebook"], indirect=True)
def test_notebook_7_has_the_panel_too(window: Window) -> None:
    window.page.evaluate("window.jupyterapp.commands.execute('jupyter-fn:open')")
    expect(window.panel).to_contain_text("Service is not running")
    expect(window.panel.get_by_role("button", name="Start the service")).to_be_visible()
    assert window.elsewhere == []


def start_the_service_from_the_panel(window: Window) -> None:
    expect(window.panel).to_contain_text("Service is not running")
    window.panel.get_by_role("button", name="Start the service").click()
    expect(window.panel).to_contain_text("Service running", timeout=SLOW_MS)
    expect(window.panel).to_contain_text("No functions yet")


def publish_a_cell(window: Window, notebook: str) -> None:
    window.open_notebook(notebook)
    for _ in range(PUBLISH + 1):
        window.run_cell()
    expect(window.outputs(PUBLISH)).to_contain_text("daily_delays", timeout=SLOW_MS)
    expect(function_card(window)).to_contain_text("incoming/*.csv")
    expect(function_card(window)).to_contain_text("no runs yet")


def a_file_becomes_a_run(window: Window, day: str, text: str) -> None:
    before = run_cards(window).count()
    drop(window, f"{day}.csv", text)
    expect(run_cards(window)).to_have_count(before + 1, timeout=SLOW_MS)
    newest = run_cards(window).first
    expect(newest.locator("summary").get_by_title("succeeded")).to_be_visible(timeout=SLOW_MS)
    expect(newest).to_contain_text(FIGURES)
    assert (window.lab.work / "out" / f"{day}.parquet").exists()


def open_the_dashboard(window: Window) -> None:
    window.run_cell()
    output = window.outputs(DASHBOARD).last
    expect(output).to_contain_text("Live")
    expect(output).to_contain_text("daily_delays")
    expect(output.locator(".jpfn-strip i")).to_have_count(1)


def a_broken_file_becomes_a_failed_run(window: Window) -> None:
    drop(window, "2013-01-03.csv", "carrier\nUA\n")
    failed = window.panel.locator(".jp-fn-run", has_text="dep_delay")
    expect(failed.locator("summary").get_by_title("dead")).to_be_visible(timeout=SLOW_MS)
    expect(window.panel.get_by_title("1 failed")).to_be_visible()
    expect(window.outputs(DASHBOARD).last.locator(".jpfn-strip .jpfn-dead")).to_have_count(1)


def pause_and_resume(window: Window) -> None:
    window.panel.get_by_role("button", name="Pause daily_delays").click()
    expect(function_card(window)).to_contain_text("paused")
    expect(window.outputs(DASHBOARD).last).to_contain_text("paused")
    window.panel.get_by_role("button", name="Resume daily_delays").click()
    expect(function_card(window)).not_to_contain_text("paused")


def a_hidden_panel_is_silent_and_catches_up(window: Window) -> None:
    before = run_cards(window).count()
    asked: list[str] = []
    window.page.get_by_role("tab", name=re.compile("File Browser")).click()
    window.page.on("request", lambda request: asked.append(request.url))
    drop(window, "2013-01-04.csv", FLIGHTS)
    expect(window.outputs(DASHBOARD).last.locator(".jpfn-strip i")).to_have_count(before + 1, timeout=SLOW_MS)
    assert not [url for url in asked if "jupyter-fn/" in url]
    window.page.get_by_role("tab", name="Functions").click()
    expect(run_cards(window)).to_have_count(before + 1)


def the_dashboard_outlives_its_kernel(window: Window) -> None:
    twin = window.page.locator('[class^="jupyter-fn-twin-"]')
    expect(twin).to_be_hidden()
    expect(twin).to_contain_text("3 succeeded, 1 dead", timeout=SLOW_MS)
    window.page.evaluate("window.jupyterapp.commands.execute('docmanager:save')")
    window.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    window.open()
    expect(twin).to_be_visible(timeout=SLOW_MS)
    expect(twin).to_contain_text("daily_delays")


def drop(window: Window, name: str, text: str) -> None:
    (window.lab.work / "incoming" / name).write_text(text)


def function_card(window: Window) -> Locator:
    return window.panel.locator(".jp-fn-card", has_text="incoming/")


def run_cards(window: Window) -> Locator:
    return window.panel.locator(".jp-fn-run")
