"""The floors of docs/architecture.md hold: imports only go down, lazy and typing ones included, and there is no circle."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jupyter_fn"
ROW = re.compile(r"^\| (\d) \| `(\w+)` \|([^|]*)\|", re.MULTILINE)
LIGHT = {"model", "policy", "capture"}


def floors() -> dict[str, tuple[int, set[str]]]:
    text = (ROOT / "docs" / "architecture.md").read_text()
    return {name: (int(floor), set(re.findall(r"`(\w+)`", knows))) for floor, name, knows in ROW.findall(text)}


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if "labextension" not in p.parts)


def dotted(path: Path) -> list[str]:
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports(path: Path) -> Iterator[str]:
    """Every `jupyter_fn` module that `path` imports, wherever in the file the import stands."""
    here = dotted(path)
    package = here if path.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "jupyter_fn")
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            target = [*base, *(node.module.split(".") if node.module else [])]
            if target[:1] == ["jupyter_fn"]:
                yield from (resolve([*target, a.name]) for a in node.names)


def resolve(parts: list[str]) -> str:
    as_path = ROOT.joinpath(*parts)
    is_module = as_path.with_suffix(".py").exists() or as_path.is_dir()
    return ".".join(parts if is_module else parts[:-1])


def test_every_package_stands_in_the_table_and_the_table_has_no_other() -> None:
    there = {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()}
    assert set(floors()) == there


def test_the_table_itself_only_points_down() -> None:
    table = floors()
    for name, (floor, knows) in table.items():
        assert all(table[other][0] < floor for other in knows), name


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_go_down(path: Path) -> None:
    table = floors()
    owner = dotted(path)[1:2]
    if not owner or owner[0] not in table:
        return  # the root: __init__, settings, app
    allowed = table[owner[0]][1] | {owner[0]}
    root = set() if owner[0] in LIGHT | {"runtime", "sources"} else {"settings"}
    root |= {"app"} if owner[0] in {"cli", "commands"} else set()
    for target in imports(path):
        noun = [*target.split("."), ""][1]
        assert noun in allowed | root | {""}, f"{'.'.join(dotted(path))} imports {target}"
        private = [part for part in target.split(".")[2:] if part.startswith("_")]
        assert not private or noun == owner[0], f"{path} imports the private {target}"


def test_modules_make_no_circle() -> None:
    graph = {".".join(dotted(p)): set(imports(p)) - {".".join(dotted(p))} for p in modules() if p.name != "app.py"}
    graph = {name: {t for t in targets if t in graph and t != "jupyter_fn"} for name, targets in graph.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"circle: {' → '.join([*trail, name])}"
        if name not in done:
            for target in graph[name]:
                visit(target, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_no_drawer_for_odds_and_ends() -> None:
    assert not [p for p in modules() if re.search(r"util|helper|common|manager", p.stem)]
