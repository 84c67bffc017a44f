"""What may differ between a recording and the stand-in: listed, each with its reason. All else must agree."""

import re

MASK = (
    # ids and times of one life
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"(Event-Date-Local: |<Event-Date-Local>|\"Event-Date-Local\":\")[^\n<\"]+", r"\1DATE"),
    (r"(Event-Date-GMT: |<Event-Date-GMT>|\"Event-Date-GMT\":\")[^\n<\"]+", r"\1DATE"),
    (r"(Event-Date-Timestamp\D{1,3})\d+", r"\1TIME"),
    (r"(Event-Sequence\D{1,3})\d+", r"\1N"),
    (r"(<uptime-usec>)\d+", r"\1N"),
    (r"(Uptime  \t)\d+s", r"\1Ns"),
    # OPTIONS: when the next goes out, how many came back, how long the last took; the stand-in sends none
    (r"(<ping>|Ping    \t)[1-9]\d*", r"\1N"),
    (r"(<pingcount>|<pingtime>|PingTime\t)[\d.]+", r"\1N"),
    (r"(PingState\t)[\d/]+", r"\1N"),
    (r"(gw-\S+\t.*\t)  \d\.\d\d", r"\1  N"),
    # the seconds left of a wait
    (r"retry: \d+s", "retry: Ns"),
    (r"<retry>\d+s", "<retry>Ns"),
    (r"Please wait \d+ seconds", "Please wait N seconds"),
    # a frame's length follows from the above
    (r"Content-Length: \d+", "Content-Length: N"),
)


def masked(text: str) -> str:
    for pattern, put in MASK:
        text = re.sub(pattern, put, text)
    return text
