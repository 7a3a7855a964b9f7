"""A JupyterLab of the test's own, in folders of the test's own, and a real browser that looks at it."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, sync_playwright

from jupyter_fn.client.client import Client

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
START_LIMIT_S = 60
QUIET = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}


class Lab:
    """A running JupyterLab, or Notebook 7. `work` is its root folder, `home` the service's."""

    def __init__(self, folder: Path, application: str = "jupyterlab") -> None:
        self.application = application
        self.work = folder / "work"
        self.home = folder / "fn"
        self.token = secrets.token_hex(16)
        self._folder = folder
        self._log = folder / "lab.log"
        self._child = self._start()
        self.url = self._address()

    def stop(self) -> None:
        """End JupyterLab, its kernels and the service that was started from it."""
        Client(self.home, start=False).stop()
        self._child.terminate()
        self._child.wait(START_LIMIT_S)

    def _start(self) -> subprocess.Popen[bytes]:
        extensions = self._folder / "share" / "labextensions"
        settings = self._folder / "settings"
        for folder in (self.work, extensions, settings, self._folder / "etc", self._folder / "user"):
            folder.mkdir(parents=True)
        # What the wheel installs, wherever this is run from.
        (extensions / "jupyter-fn").symlink_to(ROOT / "jupyter_fn" / "labextension")
        (self._folder / "etc" / "jupyter_server_config.d").symlink_to(
            ROOT / "jupyter_fn" / "lab" / "jupyter_server_config.d"
        )
        (settings / "overrides.json").write_text(json.dumps(QUIET))
        app = "LabApp" if self.application == "jupyterlab" else "JupyterNotebookApp"
        command = [
            *(sys.executable, "-m", self.application, "--no-browser", "--allow-root", "--port=0"),
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.work}",
            f"--{app}.app_settings_dir={settings}",
            f"--{app}.expose_app_in_browser=True",
        ]
        with self._log.open("wb") as log:
            return subprocess.Popen(command, env=self._environment(), stdout=log, stderr=log)

    def _environment(self) -> dict[str, str]:
        own = {
            "HOME": "user",
            "IPYTHONDIR": "ipython",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_CONFIG_PATH": "etc",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_FN_HOME": "fn",
            "JUPYTER_PATH": "share",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "usersettings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }
        return {**os.environ, **{name: str(self._folder / value) for name, value in own.items()}}

    def _address(self) -> str:
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end and self._child.poll() is None:
            for file in (self._folder / "runtime").glob("jpserver-*.json"):
                text = file.read_text()
                if text.endswith("}"):
                    return str(json.loads(text)["url"])
            time.sleep(0.05)
        raise AssertionError(self._log.read_text())


class Window:
    """JupyterLab in the browser, by what a user does with it."""

    def __init__(self, page: Page, lab: Lab) -> None:
        self.page = page
        self.lab = lab
        self.elsewhere: list[str] = []
        page.on("request", self._note)
        self.open()

    @property
    def panel(self) -> Locator:
        """Our side panel."""
        return self.page.locator("#jupyter-fn-panel")

    def open(self) -> None:
        """Load, or load again, the page."""
        first = "lab" if self.lab.application == "jupyterlab" else "tree"
        self.page.goto(f"{self.lab.url}{first}?token={self.lab.token}")
        self.page.wait_for_function("window.jupyterapp !== undefined")
        self.page.evaluate("window.jupyterapp.restored")

    def open_notebook(self, name: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.page.evaluate("path => window.jupyterapp.commands.execute('docmanager:open', { path })", name)
        self.page.wait_for_function(
            """() => {
                const kernel = window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel;
                return kernel?.status === 'idle' && kernel.connectionStatus === 'connected';
            }"""
        )

    def run_cell(self) -> None:
        """Run the selected cell and go to the next."""
        self.page.evaluate("window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")

    def outputs(self, cell: int) -> Locator:
        """What a cell has put out."""
        return self.page.locator(".jp-NotebookPanel:visible .jp-Cell").nth(cell).locator(".jp-OutputArea-output")

    def _note(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("127.0.0.1", "localhost"):
            self.elsewhere.append(request.url)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the module and no longer: while it is open, its own event loop counts as running."""
    if not CHROMIUM.exists():
        message = "No chromium: apt-get update && apt-get install -y chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    lab = Lab(tmp_path, getattr(request, "param", "jupyterlab"))
    yield lab
    lab.stop()


@pytest.fixture
def window(browser: Browser, lab: Lab) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield Window(context.new_page(), lab)
    context.close()


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where pictures go: `$JUPYTER_FN_SCREENSHOTS`, else nowhere that stays."""
    folder = Path(os.environ.get("JUPYTER_FN_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
