r"""Names that are not UTF-8. In memory a name is text with a surrogate for each odd byte, as `os.fsdecode` makes it.

JSON can hold no surrogates. There an odd byte is a NUL, which no name can hold, and two hexadecimal digits:
``caf\xe9`` is written ``caf\0e9``.
"""

import os
import re
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator

_ODD = re.compile("[\udc80-\udcff]")
_WRITTEN = re.compile("\0([89a-f][0-9a-f])")


def encode_name(name: str) -> str:
    """``name`` as JSON can hold it."""
    return name if name.isascii() else _ODD.sub(lambda match: f"\0{ord(match[0]) - 0xDC00:02x}", name)


def decode_name(written: object) -> str:
    """The name that `encode_name` wrote; one in memory is returned as it is. Raises `ValueError` for anything else.

    Two different texts never mean the same bytes on disk.
    """
    if not isinstance(written, str):
        raise ValueError("a name must be text")
    name = _WRITTEN.sub(lambda match: chr(0xDC00 + int(match[1], 16)), written) if "\0" in written else written
    if not name.isascii() and (_lone(name) or os.fsdecode(os.fsencode(name)) != name):
        raise ValueError("a name is written in a way that castoff does not write it")
    return name


Name = Annotated[str, PlainValidator(decode_name), PlainSerializer(encode_name, when_used="json")]
"""A path or a link's target in a record."""


def _lone(name: str) -> bool:
    """Whether ``name`` holds surrogates that stand for no byte."""
    return any("\ud800" <= char <= "\udc7f" or "\udd00" <= char <= "\udfff" for char in name)
