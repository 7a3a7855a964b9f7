"""Live views in a notebook."""

from .dashboard import Dashboard, dashboard

__all__ = ["Dashboard", "dashboard"]
