"""pytest-jupyter for this folder only: its fixtures of every test would not agree with those of other folders."""

from pytest_jupyter.jupyter_server import *  # noqa: F403
