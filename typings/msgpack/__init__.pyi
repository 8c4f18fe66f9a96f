# What aicache uses of msgpack, which ships no types of its own.
from collections.abc import Callable
from typing import Any, NamedTuple

class ExtType(NamedTuple):
    code: int
    data: bytes

class Packer:
    def __init__(self, *, unicode_errors: str = ...) -> None: ...
    def pack(self, obj: object) -> bytes: ...

def packb(obj: object, *, unicode_errors: str = ...) -> bytes: ...
def unpackb(
    packed: bytes | memoryview,
    *,
    strict_map_key: bool = ...,
    unicode_errors: str = ...,
    ext_hook: Callable[[int, bytes], Any] = ...,
    list_hook: Callable[[list[Any]], Any] = ...,
) -> Any: ...
