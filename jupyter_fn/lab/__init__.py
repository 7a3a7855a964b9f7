"""The JupyterLab server extension."""
