"""Whole messages over a packet socket, with descriptors."""

import os
import socket
from collections import deque

import pytest

from jupyter_fn.runtime.packets import packet_pair, receive, send


@pytest.mark.parametrize("size", [1, 1000, 32_768, 32_769, 5_000_000])
def test_a_message_of_any_size_arrives_whole(size: int) -> None:
    near, far = packet_pair()
    with near, far:
        message = os.urandom(size - 1) + b"x"
        send(near, message)
        assert receive(far) == (message, [])


@pytest.mark.parametrize("size", [1, 100_000])
def test_descriptors_come_with_their_message(size: int) -> None:
    near, far = packet_pair()
    reading, writing = os.pipe()
    with near, far:
        send(near, b"x" * size, [writing])
        os.close(writing)
        packet = receive(far)
        assert packet is not None
        message, (fd,) = packet
        assert len(message) == size
        os.write(fd, b"through")
        os.close(fd)
    assert os.read(reading, 100) == b"through"
    os.close(reading)


def test_messages_keep_their_order_and_bounds() -> None:
    near, far = packet_pair()
    with near, far:
        for n in range(5):
            send(near, b"%d" % n)
        assert [packet[0] for _ in range(5) if (packet := receive(far))] == [b"0", b"1", b"2", b"3", b"4"]


def test_the_end_is_none_whether_or_not_everything_was_read() -> None:
    near, far = packet_pair()
    with far:
        near.close()
        assert receive(far) is None
    near, far = packet_pair()
    with far:
        send(far, b"unread")
        near.close()
        assert receive(far) is None


def test_nothing_there_yet_is_an_error_when_one_may_not_block() -> None:
    near, far = packet_pair()
    with near, far:
        with pytest.raises(BlockingIOError):
            receive(far, socket.MSG_DONTWAIT)
        near.setblocking(False)
        with pytest.raises(BlockingIOError):
            deque((send(near, b"x" * 30_000) for _ in range(100_000)), maxlen=0)
