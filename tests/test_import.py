"""`import jupyter_fn` costs next to nothing: what is heavy is loaded when it is used."""

import subprocess
import sys

import pytest

HEAVY = [
    "IPython",
    "dask",
    "distributed",
    "fastapi",
    "httpx",
    "jupyter_server",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "sqlalchemy",
]


def loaded_after(statement: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after `statement`."""
    program = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement", ["import jupyter_fn", "import jupyter_fn; dir(jupyter_fn); jupyter_fn.__version__; jupyter_fn.FnError"]
)
def test_importing_the_package_loads_nothing_heavy(statement):
    assert not loaded_after(statement) & set(HEAVY)


def test_a_client_needs_no_engine():
    engine = {"dask", "distributed", "fastapi", "sqlalchemy", "alembic", "uvicorn", "jupyter_server"}
    assert not loaded_after("from jupyter_fn.client.client import Client; Client('/nowhere')") & engine


def test_asking_for_help_loads_nothing_heavy():
    helped = "from jupyter_fn.cli.main import main\nmain(['--help'])"
    assert not loaded_after(helped) & {*HEAVY, "rich"}
