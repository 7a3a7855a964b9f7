"""Packages are recorded, local modules are shipped, the standard library is left alone."""

import ast
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from jupyter_fn.capture.imports import imported_modules, is_local_module, resolve_imports
from jupyter_fn.model.errors import BadSource, PackageMismatch, UnshippableValue


def resolve(source: str, folder: Path):
    return resolve_imports(imported_modules(ast.parse(source)), folder)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a module, a package and a namespace package, none of them imported yet."""
    files = {
        "tools_x.py": "import json\nfrom pack_x.deep import thing\ndef f(): return thing",
        "pack_x/__init__.py": "from . import side\n",
        "pack_x/side.py": "NAME = 'side'",
        "pack_x/deep/__init__.py": "from ..side import NAME\nfrom .inner import thing\n",
        "pack_x/deep/inner.py": "thing = 1",
        "pack_x/unused.py": "",
        "space_x/leaf.py": "leaf = 1",
        "broken_x.so": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    before = set(sys.modules)
    yield tmp_path
    assert not {name for name in set(sys.modules) - before if name.endswith("_x")}, "resolving must not import"


def test_the_standard_library_needs_nothing(tmp_path):
    found = resolve("import os, json, xml.etree.ElementTree\nfrom concurrent.futures import Future", tmp_path)
    assert (dict(found.packages), dict(found.modules)) == ({}, {})


def test_packages_are_recorded_by_distribution_and_version(tmp_path):
    found = resolve("def f():\n  import pandas.api.types as t\n  from yaml import load", tmp_path)
    assert found.packages == {"PyYAML": version("pyyaml"), "pandas": version("pandas")}


def test_a_package_that_is_not_installed_is_named_with_its_line_and_what_to_run(tmp_path):
    with pytest.raises(PackageMismatch, match=r"Line 2 imports surely_not_there.sub, which is not installed") as caught:
        resolve("\nimport surely_not_there.sub", tmp_path)
    assert "pip install surely_not_there" in caught.value.remedy


@pytest.mark.parametrize(
    "source",
    [
        "try:\n  import surely_not_there\nexcept ImportError:\n  pass",
        "try:\n  import surely_not_there\nexcept (KeyError, ModuleNotFoundError):\n  pass",
        "try:\n  import surely_not_there\nexcept:\n  pass",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import surely_not_there",
    ],
)
def test_a_package_that_the_source_can_do_without_may_be_missing(tmp_path, source):
    assert resolve(source, tmp_path).packages == {}


def test_local_modules_are_shipped_with_what_they_import(project):
    found = resolve("import tools_x", project)
    assert set(found.modules) == {
        "tools_x",
        "pack_x.__init__",
        "pack_x.side",
        "pack_x.deep.__init__",
        "pack_x.deep.inner",
    }
    assert found.modules["pack_x.side"] == "NAME = 'side'"


def test_what_is_wrong_in_a_local_module_is_said_to_be_there(project):
    (project / "needs_x.py").write_text("\nimport surely_not_there")
    with pytest.raises(PackageMismatch, match=r"^Line 2 of the module needs_x imports surely_not_there"):
        resolve("import needs_x", project)
    (project / "half_x.py").write_text("def f(:")
    with pytest.raises(BadSource, match=r"^Line 1 of the module half_x is not Python"):
        resolve("import half_x", project)


def test_a_name_from_a_package_may_be_a_module_or_not(project):
    assert "pack_x.unused" in resolve("from pack_x import unused", project).modules
    assert set(resolve("from pack_x.side import NAME", project).modules) == {"pack_x.__init__", "pack_x.side"}


def test_a_namespace_package_gets_an_empty_init(project):
    assert resolve("import space_x.leaf", project).modules == {"space_x.__init__": "", "space_x.leaf": "leaf = 1"}


def test_a_missing_module_of_a_local_package_is_named(project):
    with pytest.raises(PackageMismatch, match=r"pack_x.nothing"):
        resolve("import pack_x.nothing", project)


def test_a_compiled_local_module_cannot_be_shipped(project):
    suffix = next(s for s in __import__("importlib.machinery").machinery.EXTENSION_SUFFIXES if "cpython" in s)
    (project / f"broken_x{suffix}").write_text("")
    with pytest.raises(UnshippableValue, match="broken_x"):
        resolve("import broken_x", project)


def test_what_is_local(project):
    assert is_local_module("tools_x", project)
    assert is_local_module("pack_x.deep", project)
    assert not is_local_module("pandas", project)
    assert not is_local_module("json", project)
    assert not is_local_module("jupyter_fn", project)


def test_packages_of_local_modules_count_too(project):
    (project / "uses_x.py").write_text("import numpy")
    assert set(resolve("import uses_x", project).packages) == {"numpy"}
