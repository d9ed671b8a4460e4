"""
What can be told of a delta without reading it.
"""

from rtc_exporter.wire.codes import ARRIVED, NAMES

#: As the text of a delta shows them.
_ARRIVED = tuple(f'"{key}":' for key in ARRIVED)

#: When a frame of video was received, decoded and shown (``googTimingFrameInfo``): it is not used.
_TIMING = ',"67":"'

#: Names that are known: those of members and the numbers that rtcstats-js gives to objects, of which few are longer.
_RECORDED = (name for record in NAMES.records.values() for name in record)
_NAMES = frozenset(("t", *NAMES.numbers, *NAMES.records, *_RECORDED, *map(str, range(1000))))
_ID = 5


def numbers_alone(frame: str) -> str:
    """
    A delta that was laid by, if it says nothing but numbers of objects that were there: nothing in it is private.

    Every string in it is a name then, but the two at its front, and one that is known: the client may call things as it
    likes.  What Chrome adds to each delta of a video for itself is left out.  Empty where there is more to it: a word,
    an object that is new.
    """
    while (at := frame.find(_TIMING)) >= 0 and (end := frame.find('"', at + len(_TIMING))) >= 0:
        frame = frame[:at] + frame[end + 1 :]
    is_bare = frame.count('"') == 2 * frame.count('":') + 4 and '"type"' not in frame
    if not is_bare or "\\" in frame or "\n" in frame:
        return ""
    strange = {*frame.split('"')[5::2]} - _NAMES
    return frame if all(name.isdecimal() and name.isascii() and len(name) <= _ID for name in strange) else ""


def heard_in(text: str) -> bool:
    """
    Whether a delta says that anything arrived since the report before: it holds only what changed.

    What the other side reports grows when its RTCP arrives, so that counts too.  Stats ids are numbers as well, and
    are told from members by the object after them.
    """
    for key in _ARRIVED:
        at = text.find(key)
        while at >= 0:
            if text[at + len(key)] != "{":
                return True
            at = text.find(key, at + 1)
    return False
