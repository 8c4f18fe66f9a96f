"""Eviction policies from the literature, simulated: how many of some requests would be hits in a cache of so many
entries. They keep keys only, and are written to be compared with, not to be used.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

__all__ = ["POLICIES", "arc", "lru", "s3_fifo", "two_q"]


def lru(requests: Sequence[int], entries: int) -> int:
    """The one used least lately goes."""
    kept: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for key in requests:
        if key in kept:
            hits += 1
            kept.move_to_end(key)
        else:
            kept[key] = None
            if len(kept) > entries:
                kept.popitem(last=False)
    return hits


def arc(requests: Sequence[int], entries: int) -> int:
    """Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache" (FAST 2003), figure 4."""
    once: OrderedDict[int, None] = OrderedDict()  # T1, B1, T2 and B2 there
    once_gone: OrderedDict[int, None] = OrderedDict()
    often: OrderedDict[int, None] = OrderedDict()
    often_gone: OrderedDict[int, None] = OrderedDict()
    wanted = 0.0  # p: how many of those asked once there should be
    hits = 0

    def replace(*, is_often: bool) -> None:
        if once and (len(once) > wanted or (is_often and len(once) == wanted)):
            once_gone[once.popitem(last=False)[0]] = None
        else:
            often_gone[often.popitem(last=False)[0]] = None

    for key in requests:
        if key in once:
            hits += 1
            del once[key]
            often[key] = None
        elif key in often:
            hits += 1
            often.move_to_end(key)
        elif key in once_gone:
            wanted = min(entries, wanted + max(1.0, len(often_gone) / len(once_gone)))
            replace(is_often=False)
            del once_gone[key]
            often[key] = None
        elif key in often_gone:
            wanted = max(0.0, wanted - max(1.0, len(once_gone) / len(often_gone)))
            replace(is_often=True)
            del often_gone[key]
            often[key] = None
        else:
            if len(once) + len(once_gone) == entries:
                if len(once) < entries:
                    once_gone.popitem(last=False)
                    replace(is_often=False)
                else:
                    once.popitem(last=False)
            else:
                total = len(once) + len(once_gone) + len(often) + len(often_gone)
                if total >= entries:
                    if total == 2 * entries:
                        often_gone.popitem(last=False)
                    replace(is_often=False)
            once[key] = None
    return hits


def s3_fifo(requests: Sequence[int], entries: int) -> int:
    """Yang, Zhang, Qiu, Yue and Vinayak, "FIFO queues are all you need for cache eviction" (SOSP 2023), algorithm 1: a
    tenth for newcomers, and as many forgotten keys as the other nine tenths hold.
    """
    of_small = max(1, entries // 10)
    small: deque[int] = deque()
    main: deque[int] = deque()
    used: dict[int, int] = {}  # what is kept, and how often it was used, up to 3
    gone: OrderedDict[int, None] = OrderedDict()
    hits = 0

    def evict_small() -> bool:
        while small:
            key = small.popleft()
            if used[key] > 1:
                used[key] = 0
                main.append(key)
                if len(main) > entries - of_small:
                    evict_main()
                    return True
            else:
                del used[key]
                gone[key] = None
                if len(gone) > entries - of_small:
                    gone.popitem(last=False)
                return True
        return False

    def evict_main() -> None:
        while main:
            key = main.popleft()
            if not used[key]:
                del used[key]
                return
            used[key] -= 1
            main.append(key)

    for key in requests:
        if key in used:
            hits += 1
            used[key] = min(3, used[key] + 1)
            continue
        while len(used) >= entries:
            if len(small) < of_small or not evict_small():
                if main:
                    evict_main()
                else:
                    evict_small()
        if key in gone:
            del gone[key]
            main.append(key)
        else:
            small.append(key)
        used[key] = 0
    return hits


def two_q(requests: Sequence[int], entries: int) -> int:
    """Johnson and Shasha, "2Q: a low overhead high performance buffer management replacement algorithm" (VLDB 1994),
    the full version: a quarter of the entries for what is new, and as many forgotten keys as half of them.
    """
    of_new, of_gone = max(1, entries // 4), max(1, entries // 2)
    new: OrderedDict[int, None] = OrderedDict()  # A1in, A1out and Am there
    gone: OrderedDict[int, None] = OrderedDict()
    proven: OrderedDict[int, None] = OrderedDict()
    hits = 0

    def make_room() -> None:
        if len(new) + len(proven) < entries:
            return
        if len(new) > of_new or not proven:
            gone[new.popitem(last=False)[0]] = None
            if len(gone) > of_gone:
                gone.popitem(last=False)
        else:
            proven.popitem(last=False)

    for key in requests:
        if key in proven:
            hits += 1
            proven.move_to_end(key)
        elif key in new:
            hits += 1
        elif key in gone:
            make_room()
            gone.pop(key, None)
            proven[key] = None
        else:
            make_room()
            new[key] = None
    return hits


POLICIES: dict[str, Callable[[Sequence[int], int], int]] = {"lru": lru, "arc": arc, "s3_fifo": s3_fifo, "two_q": two_q}
