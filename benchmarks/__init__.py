"""What jupyter-fn costs, measured beside a floor in the same run: `python -m benchmarks [NAME …] [--json FILE]`."""
