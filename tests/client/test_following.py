"""Following the service from an event loop, while there is none."""

import subprocess
import sys

STOPPED = """
import asyncio, sys
from contextlib import aclosing
from pathlib import Path
from jupyter_fn.client.following import follow_frames

async def follow():
    async with aclosing(follow_frames(Path(sys.argv[1]))) as frames:
        async for frame in frames:
            asyncio.get_running_loop().call_later(0.3, asyncio.get_running_loop().stop)

loop = asyncio.new_event_loop()
task = loop.create_task(follow())
loop.run_forever()
print("stopped", flush=True)
"""


def test_a_server_whose_loop_stops_while_somebody_follows_comes_to_its_end(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STOPPED, str(tmp_path / "fn")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "stopped\n"
