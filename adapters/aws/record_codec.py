"""A record's JSON as the bytes of an item: deflated with a dictionary, for DynamoDB charges by the kilobyte.

The first byte says how the rest is to be read.
"""

from __future__ import annotations

import zlib

from factory_core.errors import RecordTooLarge, UnreadableRecord

from .compression_dictionary import FIRST_WORDS, WORDS

FORMAT = b"\x02"  # of what is written: raw deflate with its words
WORDS_OF = {b"\x01": FIRST_WORDS, FORMAT: WORDS}
RAW = -15  # zlib's name for "no header": https://docs.python.org/3/library/zlib.html#zlib.compressobj
MOST = 300_000  # bytes; DynamoDB refuses an item of 400 kB


def pack(text: str, name: str) -> bytes:
    """`name` is for the message of RecordTooLarge."""
    deflate = zlib.compressobj(level=9, wbits=RAW, memLevel=9, zdict=WORDS_OF[FORMAT])
    body = FORMAT + deflate.compress(text.encode()) + deflate.flush()
    if len(body) > MOST:
        raise RecordTooLarge(
            f"{name} has become too large to be stored",
            why=f"{len(body)} bytes, and the factory stores up to {MOST} in one item of DynamoDB",
            fix=f"In the tracker: cancel {name} and open a new ticket for what is left to do",
        )
    return body


def unpack(body: bytes) -> str:
    """Raise UnreadableRecord for bytes that this release cannot read."""
    words = WORDS_OF.get(body[:1])
    if words is None:
        raise _unreadable(f"its format is {body[:1].hex() or 'missing'}, and this release knows up to {FORMAT.hex()}")
    try:
        return zlib.decompressobj(RAW, words).decompress(body[1:]).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise _unreadable(str(error)) from None


def _unreadable(why: str) -> UnreadableRecord:
    return UnreadableRecord(
        "a stored body cannot be read",
        why=why,
        fix="In AWS: run the newest release of the factory that ever used this table, or restore a backup of the table",
    )
