"""What importing the runtime loads: nothing heavy, for it runs in every worker and in the client."""

import subprocess
import sys
from pathlib import Path

import jupyter_fn.runtime

HEAVY = [
    "pandas",
    "pyarrow",
    "numpy",
    "distributed",
    "dask",
    "IPython",
    "nbclient",
    "papermill",
    "fastapi",
    "jupyter_server",
]


def test_no_module_of_the_runtime_loads_anything_heavy_but_the_one_for_notebooks() -> None:
    folder = Path(jupyter_fn.runtime.__file__).parent
    names = sorted(path.stem for path in folder.glob("*.py") if path.stem not in ("__init__", "notebook"))
    imports = "; ".join(f"import jupyter_fn.runtime.{name}" for name in names)
    code = f"import sys; {imports}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
