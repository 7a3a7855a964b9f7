"""The script `jupyter-fn`, which `jupyter fn` finds."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ..commands.output import error_text
from ..commands.session import Session
from ..commands.table import execute
from ..model.errors import FnError

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(argv: Sequence[str] | None = None, *, session: Session | None = None) -> int:
    """Carry out one command; its exit code: 0 done, 1 the thing asked for failed, 2 wrong usage."""
    try:
        execute(sys.argv[1:] if argv is None else argv, session or Session())
        sys.stdout.flush()
    except FnError as error:
        sys.stderr.write(error_text(error))
        return error.exit_code
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has gone; the flush at exit must not complain about it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
