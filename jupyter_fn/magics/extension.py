"""`%load_ext jupyter_fn`: puts the magics and the completion into a shell, once, and takes them out again."""

from __future__ import annotations

from IPython.core.interactiveshell import InteractiveShell

from ..client.decorator import Fn
from .completion import IDENTIFIER, make_matcher
from .magic import FnMagics


def load(shell: InteractiveShell, fn: Fn) -> None:
    """Register everything in `shell`; what an earlier load left is replaced."""
    unload(shell)
    shell.register_magics(FnMagics(shell, fn))
    shell.Completer.custom_matchers.append(make_matcher(fn))
    shell.input_transformers_cleanup.append(keep_body)


def unload(shell: InteractiveShell) -> None:
    """Take it out again; nothing happens when it is not there."""
    for kind in ("cell", "line"):
        if _is_ours(shell.magics_manager.magics[kind].get("fn")):
            del shell.magics_manager.magics[kind]["fn"]
    shell.magics_manager.registry.pop(FnMagics.__name__, None)
    matchers, transformers = shell.Completer.custom_matchers, shell.input_transformers_cleanup
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != IDENTIFIER]
    transformers[:] = [one for one in transformers if getattr(one, "__qualname__", "") != keep_body.__qualname__]


def keep_body(lines: list[str]) -> list[str]:
    """Give a `%%fn` line that stands alone a body, or IPython refuses it before `--help` or our own error can show."""
    alone = lines[:1] and lines[0].split(" ")[0].strip() == "%%fn" and not "".join(lines[1:]).strip()
    return [lines[0].rstrip("\n") + "\n", "\n"] if alone else lines


def _is_ours(magic: object) -> bool:
    return type(getattr(magic, "__self__", None)).__name__ == FnMagics.__name__
