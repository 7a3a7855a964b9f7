"""Wheels made by hand, and an index that is a folder of them: for tests that install, without a network."""

import zipfile
from pathlib import Path

ONLY_HERE = {"UV_NO_INDEX": "1", "UV_OFFLINE": "1"}


def make_wheel(folder: Path, name: str, version: str, source: str = "", *, needs: str = "") -> Path:
    """A wheel with one module `NAME.py` that knows its `VERSION`."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    needed = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        f"{name}.py": f"VERSION = {version!r}\n{source}",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for at, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(at, text)
    return path
