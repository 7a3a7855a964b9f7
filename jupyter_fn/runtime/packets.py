"""Messages over a Unix packet socket (SOCK_SEQPACKET): one send is one whole message, received by exactly one reader.

So a message is never half there when its sender is killed, and a message that nobody has read yet can be taken back
by whoever holds a second descriptor of the reading end. What is larger than a packet travels as a memory file whose
descriptor is attached.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Sequence
from typing import Any

_INLINE = 32_768
_OVERFLOW = b"\0"
_MOST_FDS = 4


_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().decode


def packed(message: Any) -> bytes:
    """JSON of a message. By an encoder that is made once: to make it takes longer than a short message does."""
    return _encode(message).encode()


def unpacked(data: bytes) -> Any:
    """Inverse of `packed`."""
    return _decode(data.decode())


def packet_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def send(sock: socket.socket, message: bytes, fds: Sequence[int] = ()) -> None:
    """Send one message, with descriptors. Raises BlockingIOError when `sock` does not block and its buffer is full."""
    if len(message) <= _INLINE:
        if fds:
            socket.send_fds(sock, [message], list(fds))
        else:
            sock.send(message)
        return
    overflow = _memory_file(message)
    try:
        socket.send_fds(sock, [_OVERFLOW], [overflow, *fds])
    finally:
        os.close(overflow)


def receive(sock: socket.socket, flags: int = 0) -> tuple[bytes, list[int]] | None:
    """The next message and its descriptors, which are the caller's to close; None at the end of the conversation.

    Raises BlockingIOError when there is none yet and `sock` does not block, or `flags` has MSG_DONTWAIT.
    """
    try:
        data, ancillary, _, _ = sock.recvmsg(_INLINE, socket.CMSG_SPACE(_MOST_FDS * 4), flags)
    except ConnectionResetError:  # the other side left without reading everything
        return None
    fds = array.array("i")
    for level, kind, raw in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(raw[: len(raw) - len(raw) % fds.itemsize])
    if data == _OVERFLOW:
        return _content(fds.pop(0)), fds.tolist()
    return (data, fds.tolist()) if data else None


def _memory_file(message: bytes) -> int:
    fd = os.memfd_create("message", os.MFD_CLOEXEC)
    view = memoryview(message)
    while view:
        view = view[os.write(fd, view) :]
    return fd


def _content(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return file.read()
