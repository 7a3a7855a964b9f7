"""The JupyterLab server extension: it authenticates and forwards, and knows nothing of functions or runs."""

from __future__ import annotations

from typing import Any


def _load_jupyter_server_extension(serverapp: Any) -> None:
    """Called by jupyter_server, once, when the server starts. Touches no disk and starts no service."""
    from ..client.address import resolve_home
    from .gateway import Gateway
    from .handlers import routes

    gateway = Gateway(resolve_home())
    serverapp.web_app.add_handlers(".*$", routes(serverapp.web_app.settings["base_url"], gateway))
