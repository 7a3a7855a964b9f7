"""An environment in a fresh Python, for a zygote that must not fork because threads run in it.

`python -m jupyter_fn.runtime.spawned ZYGOTE_PID CHANNEL_FD LOG_FD NICENESS CGROUP`. It speaks as one that was forked does, and is
born slower: it imports for itself what the handler needs.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from .cgroups import join

FORK, SPAWN = "fork", "spawn"  # how environments begin
way = [sys.executable, "-P", "-m", __name__]  # that of a guest is another one
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)


def spawn(fds: Sequence[int], niceness: int, group: Path | None) -> int:
    """Start one from the zygote; `fds` are its channel and its log. Gives its process id. Safe where threads run."""
    for fd in fds:
        os.set_inheritable(fd, True)
    words = [str(os.getpid()), *map(str, fds), str(niceness), str(group or "")]
    command = [*way, *words]
    return os.posix_spawn(sys.executable, command, os.environ, setsigmask=(), setsigdef=_SIGNALS)


def main() -> None:
    """From the start to the end of the conversation."""
    zygote, channel, log = map(int, sys.argv[1:4])
    status = 70  # EX_SOFTWARE
    try:
        if sys.argv[5]:
            join(Path(sys.argv[5]))
        os.setpriority(os.PRIO_PROCESS, 0, int(sys.argv[4]))
        from . import environment

        for fd in (channel, log):
            os.set_inheritable(fd, False)
        environment.live(zygote, channel=socket.socket(fileno=channel), log=log)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
