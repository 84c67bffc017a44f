import json
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esl.errors import FrameTooLarge, ProtocolError
from esl.frames import Event, Frame, FrameParser, Limits, parse_event
from tests.esl.recordings import FILES, FOLDER, STREAMS, exchanges, received

RECORDINGS = [*(data for name in FILES for data in received(exchanges(name)))]
SHORT = sorted({data for data in RECORDINGS if len(data) < 3000})


def whole(data: bytes) -> list[Frame]:
    return FrameParser().feed(data)


def events(frames: list[Frame]) -> list[Event]:
    return [
        parse_event(frame)
        for frame in frames
        if frame.content_type in ("text/event-plain", "text/event-json")
    ]


def test_every_recording_is_made_of_whole_frames() -> None:
    for data in RECORDINGS:
        parser = FrameParser()
        frames = parser.feed(data)
        assert bool(frames) == bool(data)
        events(frames)
        # Nothing is left over: what comes next starts a frame.
        assert [
            frame.reply for frame in parser.feed(b"Content-Type: command/reply\nReply-Text: +OK\n\n")
        ] == ["+OK"]


def test_recordings_fed_byte_by_byte_read_the_same() -> None:
    assert len(SHORT) > 50
    for data in SHORT:
        parser = FrameParser()
        found = [frame for index in range(len(data)) for frame in parser.feed(data[index : index + 1])]
        assert found == whole(data)


@pytest.mark.parametrize("name", STREAMS)
def test_event_streams_read_the_same_in_any_pieces(name: str) -> None:
    data = (FOLDER / name).read_bytes()
    frames = whole(data)
    assert len(frames) > 50
    names = [event.name for event in events(frames)]
    assert "CUSTOM" in names
    for size in (1, 7, 64, 1000):
        parser = FrameParser()
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        assert [frame for piece in pieces for frame in parser.feed(piece)] == frames


@settings(deadline=None)
@given(st.data())
def test_any_split_of_a_stream_reads_the_same(data: st.DataObject) -> None:
    stream = b"".join(data.draw(st.lists(st.sampled_from(SHORT), min_size=1, max_size=4)))
    cuts = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream)), max_size=20))})
    parser = FrameParser()
    assert [frame for start, end in pairwise(cuts) for frame in parser.feed(stream[start:end])] == whole(
        stream
    )


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=10), st.booleans())
def test_noise_raises_only_what_is_documented(pieces: list[bytes], after_a_frame: bool) -> None:
    parser = FrameParser(Limits(header_bytes=100, body_bytes=100))
    if after_a_frame:
        parser.feed(b"Content-Type: text/event-json\nContent-Length: 50\n\n")
    with suppress(ProtocolError):
        for piece in pieces:
            events(parser.feed(piece))


@settings(deadline=None)
@given(st.sampled_from(SHORT), st.integers(0, 3000), st.binary(min_size=1, max_size=4))
def test_a_garbled_recording_raises_only_what_is_documented(data: bytes, at: int, noise: bytes) -> None:
    garbled = data[:at] + noise + data[at + len(noise) :]
    with suppress(ProtocolError):
        events(whole(garbled))


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["json", "plain"]))
def test_any_event_body_raises_only_what_is_documented(body: bytes, kind: str) -> None:
    frame = Frame({"Content-Type": f"text/event-{kind}"}, body)
    try:
        event = parse_event(frame)
    except ProtocolError:
        return
    assert event.name
    assert all(isinstance(value, str) for value in event.headers.values())


HEADER_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(deadline=None)
@given(st.dictionaries(st.text(st.sampled_from("abcXYZ-"), min_size=1, max_size=8), HEADER_TEXT), HEADER_TEXT)
def test_json_events_keep_their_values(headers: dict[str, str], body: str) -> None:
    given_headers = {**headers, "Event-Name": "CUSTOM"}
    data = json.dumps({**given_headers, "_body": body}).encode()
    event = parse_event(Frame({"Content-Type": "text/event-json"}, data))
    assert (event.name, event.headers, event.body) == ("CUSTOM", given_headers, body)


def test_a_plain_event_is_decoded_after_it_is_split() -> None:
    headers = b"Event-Subclass: sofia%3A%3Agateway_state\nEvent-Name: CUSTOM\nX: a%0AY%3A b%25\n"
    text = headers + b"Content-Length: 3\n\nfs1"
    event = parse_event(Frame({"Content-Type": "text/event-plain"}, text))
    assert (event.name, event.subclass, event.body) == ("CUSTOM", "sofia::gateway_state", "fs1")
    assert event.headers["X"] == "a\nY: b%"


def test_odd_json_events() -> None:
    def event(text: bytes) -> Event:
        return parse_event(Frame({"Content-Type": "text/event-json"}, text))

    assert event(b'{"Event-Name":"X","n":1,"a":["b","c",2]}').headers == {
        "Event-Name": "X",
        "n": "1",
        "a": "ARRAY::b|:c|:2",
    }
    assert event(b'{"Event-Name":"X","a":"caf\xe9\x01"}').headers["a"] == "caf\ufffd\x01"
    for broken in (
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"a":1}',
        b'{"Event-Name":""}',
        b'{"n":' + b"9" * 5000 + b"}",
    ):
        with pytest.raises(ProtocolError):
            event(broken)


@pytest.mark.parametrize("size", [1, 11, 1000])
def test_limits_hold_while_bytes_still_come(size: int) -> None:
    limits = Limits(header_bytes=1000, body_bytes=1000)
    parser = FrameParser(limits)
    for _ in range(1000 // size):
        assert parser.feed(b"x" * size) == []
    with pytest.raises(FrameTooLarge, match="headers"):
        parser.feed(b"x" * 11)
    exact = b"Content-Type: api/response\nContent-Length: 1000\n\n" + b"x" * 1000
    assert len(FrameParser(limits).feed(exact)) == 1
    for stated in (b"1001", b"9" * 400, b"9" * 100_0):
        with pytest.raises(FrameTooLarge):
            FrameParser(limits).feed(b"Content-Type: api/response\nContent-Length: " + stated + b"\n\n")


@pytest.mark.parametrize("stated", ["-1", "+1", "1.0", "", " ", "0x10", "1_0", "\u0661"])
def test_a_length_is_made_of_digits(stated: str) -> None:
    with pytest.raises(ProtocolError):
        whole(f"Content-Type: api/response\nContent-Length: {stated}\n\n".encode())


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    [reply, event] = whole(
        b"Content-Type: command/reply\nReply-Text: -ERR \xff\n\n"
        b"Content-Length: 24\nContent-Type: text/event-plain\n\nEvent-Name: \xe9\nX: %E9%ff\n"
    )
    assert reply.reply == "-ERR \ufffd"
    assert parse_event(event).headers["X"] == "\ufffd\ufffd"


def test_empty_lines_between_frames_say_nothing() -> None:
    frame = b"Content-Type: auth/request\n\n"
    assert len(whole(b"\n\n\n" + frame + b"\n" + frame)) == 2


@settings(deadline=None)
@given(st.integers(1, 4), st.lists(st.sampled_from(SHORT), max_size=5), st.integers(1, 2000))
def test_so_many_frames_are_given_at_once(most: int, streams: list[bytes], size: int) -> None:
    data, parser, found = b"".join(streams), FrameParser(Limits(frames=most)), []
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        while frames := parser.feed(piece):
            assert len(frames) <= most
            found += frames
            piece = b""
    assert found == whole(data)
