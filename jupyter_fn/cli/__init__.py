"""The jupyter-fn script."""
