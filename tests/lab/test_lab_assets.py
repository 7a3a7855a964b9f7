"""What the wheel ships for JupyterLab is built from the sources that are committed beside it."""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "labextension"
BUILT = ROOT / "jupyter_fn" / "labextension"
REMEDY = "Build it again: cd labextension && jlpm install && jlpm build:prod"


def test_the_built_front_end_matches_its_sources() -> None:
    written = json.loads((BUILT / "static" / "sources.json").read_text())
    files = [SOURCE / name for name in ("package.json", "tsconfig.json", "yarn.lock")]
    files += [path for folder in ("src", "style") for path in (SOURCE / folder).rglob("*") if path.is_file()]
    found = {path.relative_to(SOURCE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert written == found, REMEDY


def test_the_built_front_end_is_whole() -> None:
    built = json.loads((BUILT / "package.json").read_text())
    assert built["name"] == "jupyter-fn"
    assert (BUILT / built["jupyterlab"]["_build"]["load"]).is_file(), REMEDY


def test_it_is_a_production_build_that_fetches_nothing_from_elsewhere() -> None:
    scripts = list((BUILT / "static").glob("*.js"))
    assert scripts
    assert not list((BUILT / "static").glob("*.map"))
    for script in scripts:
        text = script.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, script.name
        assert "https://" not in text, script.name


def test_the_lock_file_names_no_registry() -> None:
    assert "http://" not in (SOURCE / "yarn.lock").read_text()
    assert "https://" not in (SOURCE / "yarn.lock").read_text()


def test_versions_of_both_halves_agree() -> None:
    import jupyter_fn

    assert json.loads((SOURCE / "package.json").read_text())["version"] == jupyter_fn.__version__


def test_the_wheel_is_made_without_node_and_holds_both_halves(tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env={"PATH": str(empty)}, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = {name.partition(".data/data/")[2] or name for name in wheel.namelist()}
    built = {path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*") if path.is_file()}
    assert {f"share/jupyter/labextensions/jupyter-fn/{name}" for name in {*built, "install.json"}} <= names
    assert "etc/jupyter/jupyter_server_config.d/jupyter_fn.json" in names
    assert {"jupyter_fn/widgets/dashboard.js", "jupyter_fn/widgets/dashboard.css"} <= names
