"""Whole buffers in and out of channels of a C kind."""

import array

import gort
import pytest


def test_buffers_pass_whole_between_tasks():
    def main():
        c = gort.Channel.of("q", 100)
        data = array.array("q", range(-500, 1500))

        def producer():
            assert c.send_from(data) == 2000
            c.close()

        gort.go(producer)
        got, room = array.array("q"), array.array("q", bytes(8 * 64))
        while n := c.recv_into(room):
            got.extend(room[:n])
        assert got == data

    gort.run(main)


def test_buffers_pass_through_an_unbuffered_channel():
    def main():
        c = gort.Channel.of("i")
        gort.go(lambda: (c.send_from(array.array("i", range(100))), c.close()))
        room, total = array.array("i", [0] * 7), 0
        while n := c.recv_into(room):
            total += sum(room[:n])
        assert total == sum(range(100))

    gort.run(main)


def test_bytes_may_hold_any_kind():
    c = gort.Channel.of("H", 4)
    assert c.send_from(b"\x01\x00\x02\x00") == 2
    assert [c.recv(), c.recv()] == [1, 2]
    room = bytearray(4)
    c.send(0x0403)
    assert c.recv_into(room) == 1
    assert room == b"\x03\x04\0\0"


def test_wrong_items_are_refused_and_nothing_moves():
    c = gort.Channel.of("q", 4)
    for bad in (array.array("d", [1.0]), array.array("i", [1, 2]), b"123"):
        with pytest.raises(gort.InvalidArgument, match="data"):
            c.send_from(bad)
    with pytest.raises((BufferError, TypeError)):
        c.recv_into(b"12345678")
    with pytest.raises(gort.InvalidArgument, match="fixed kind"):
        gort.Channel(1).send_from(b"")
    with pytest.raises(TypeError):
        c.send_from([1, 2])
    assert len(c) == 0


def test_strided_view_is_refused():
    c = gort.Channel.of("q", 4)
    with pytest.raises((BufferError, ValueError)):
        c.send_from(memoryview(array.array("q", range(8)))[::2])


def test_closed_channel_ends_a_transfer():
    c = gort.Channel.of("B", 2)
    c.close()
    with pytest.raises(gort.Closed):
        c.send_from(b"abc")
    assert c.recv_into(bytearray(3)) == 0


def test_transfer_times_out_after_what_went():
    c = gort.Channel.of("B", 2)
    with pytest.raises(gort.TimedOut):
        c.send_from(b"abc", timeout=0.001)
    assert bytes([c.recv(), c.recv()]) == b"ab"
    with pytest.raises(gort.TimedOut):
        c.recv_into(bytearray(1), timeout=0.001)


def test_numpy_arrays_are_buffers():
    # numpy is no requirement: array and bytearray stand for all buffers in the other tests.
    np = pytest.importorskip("numpy", reason="no numpy")
    c = gort.Channel.of("d", 8)
    c.send_from(np.arange(5.0))
    room = np.zeros(8)
    assert c.recv_into(room) == 5
    assert room[:5].sum() == 10.0


def test_timeout_is_that_of_the_whole_call_and_the_error_says_how_much_went():
    c = gort.Channel.of("q", 4)
    with pytest.raises(gort.TimedOut) as e:
        c.send_from(array.array("q", range(10)), timeout=0.01)
    assert e.value.sent == 4 and len(c) == 4
    with pytest.raises(gort.TimedOut) as e:
        gort.Channel(2).send_many(range(5), timeout=0.01)
    assert e.value.sent == 2
