"""The goals of the issue on performance, each beside what this run measured. Bars are typed in; nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Bar", "Found", "goals", "judged"]


class MissingError(Exception):
    """What a goal needs was not measured in this run."""


@dataclass(frozen=True)
class Found:
    """What a run measured: the figures of each scenario by contender, and the hit ratios."""

    figures: Mapping[str, Mapping[str, Mapping[str, Any]]]
    ratios: Mapping[str, Sequence[Mapping[str, Any]]]

    def of(self, scenario: str, contender: str, name: str = "wall") -> float:
        """One figure of one contender; raises `MissingError`."""
        try:
            figure = self.figures[scenario][contender]
            return float(figure[name] if name in figure else figure["more"][name])
        except KeyError as error:
            raise MissingError(f"{contender} in {scenario}") from error

    def times(self, scenario: str, other: str, ours: str) -> float:
        """How many times our time the other's is, round by round."""
        return self.of(scenario, other, "ratio") / self.of(scenario, ours, "ratio")

    def mean_share(self, name: str, of: str) -> float:
        """The mean, over all traces and sizes, of one hit ratio as a share of another."""
        shares = [row[name] / row[of] for rows in self.ratios.values() for row in rows if name in row]
        if not shares:
            raise MissingError(name)
        return sum(shares) / len(shares)


@dataclass(frozen=True)
class Bar:
    """One goal: `measured` has to be at least or at most `limit`, or nothing tells."""

    goal: str
    scenario: str
    says: str
    limit: float
    measured: Callable[[Found], float]
    unit: str = "×"
    is_least: bool = True


def judged(found: Found) -> list[dict[str, Any]]:
    """Every goal with what was measured: `is_met` is None where this run did not measure it."""
    rows: list[dict[str, Any]] = []
    for bar in goals():
        try:
            number = bar.measured(found)
            is_met = number >= bar.limit if bar.is_least else number <= bar.limit
            said = _SAID[bar.unit](number)
        except MissingError as missing:
            number, is_met, said = None, None, f"not measured: {missing}" if str(missing) else "not measured"
        rows.append(
            {
                "goal": bar.goal,
                "scenario": bar.scenario,
                "bar": bar.says,
                "measured": number,
                "said": said,
                "is_met": is_met,
            }
        )
    return rows


_SAID: dict[str, Callable[[float], str]] = {
    "×": lambda number: f"{number:.3g} ×",
    "ns": lambda number: f"{number * 1e9:,.0f} ns",
    "µs": lambda number: f"{number * 1e6:.3g} µs",
    "ms": lambda number: f"{number * 1e3:.3g} ms",
    "B": lambda number: f"{number:,.0f} B",
    "%": lambda number: f"{number * 100:.1f} %",
    "": lambda number: f"{number:g}",
}
_SCALES = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "%": 0.01}


def goals() -> list[Bar]:
    """All of them, in the order of the issue."""
    return [
        *_memory(),
        *_eviction(),
        *_decorator(),
        *_redis(),
        *_rest(),
    ]


# -- ways to say a bar


def _beside(
    goal: str, says: str, scenario: str, ours: str, least: Mapping[str, float], most: Mapping[str, float]
) -> list[Bar]:
    """Ahead of others by at least a factor; at most a multiple of others."""
    ahead = [
        Bar(
            goal,
            says,
            f"at least {times:g} × ahead of {other.removeprefix('floor: ')}",
            times,
            _times(scenario, other, ours),
        )
        for other, times in least.items()
    ]
    near = [
        Bar(
            goal,
            says,
            f"at most {times:g} × {other.removeprefix('floor: ')}",
            times,
            _multiple(scenario, other, ours),
            is_least=False,
        )
        for other, times in most.items()
    ]
    return [*ahead, *near]


def _times(scenario: str, other: str, ours: str) -> Callable[[Found], float]:
    return lambda found: found.times(scenario, other, ours)


def _multiple(scenario: str, other: str, ours: str) -> Callable[[Found], float]:
    return lambda found: 1 / found.times(scenario, other, ours)


def _most(
    goal: str,
    says: str,
    what: str,
    limit: float,
    unit: str,
    measured: Callable[[Found], float],
    *,
    is_least: bool = False,
) -> Bar:
    """An absolute bar, in the unit it is said in."""
    word = "at least" if is_least else "at most"
    said = f"{word} {limit:,g} {unit}".rstrip() + (f" {what}" if what else "")
    return Bar(goal, says, said, limit * _SCALES.get(unit, 1), measured, unit, is_least)


def _figure(scenario: str, contender: str, name: str = "wall", by: float = 1) -> Callable[[Found], float]:
    return lambda found: found.of(scenario, contender, name) / by


# -- the goals


def _memory() -> list[Bar]:
    peers = {"cashews mem://": 18, "aiocache memory": 75, "py-key-value memory": 125}
    two, many = "async hit, two tiers", "sync hit, 10,000 entries"
    tiered = "async hit through TieredCache, two tiers"
    sync = "sync hit, 10,000 entries"
    return [
        *_beside(
            "1",
            "async hit, memory backend",
            "async hit, text",
            "aicache MemoryBackend.get",
            peers,
            {"floor: an empty coroutine": 2.2},
        ),
        *_beside(
            "2",
            tiered,
            two,
            "aicache",
            {"cashews": 12, "aiocache": 55, "py-key-value": 95, "LiteLLM's DualCache": 40},
            {},
        ),
        *_beside(
            "2", tiered, two, "aicache", {}, {"floor: an empty coroutine": 3.0, "aicache, memory tier alone": 1.3}
        ),
        _most("2", tiered, "Redis commands", 0, "", _figure(two, "aicache", "Redis commands")),
        *_beside("3", f"{sync}, with a ttl", many, "aicache, ttl", {"cachetools TTLCache": 5, "theine": 5}, {}),
        *_beside("3", f"{sync}, no ttl", many, "aicache", {"cachetools LRUCache": 1.6}, {"floor: dict": 4.3}),
        *_beside("3", f"{sync}, under the decorator", many, "aicache decorator", {}, {"floor: dict": 3}),
    ]


def _eviction() -> list[Bar]:
    bars: list[Bar] = []
    lru = "OrderedDict LRU under a lock"
    for who, ours, ttl in (
        ("the memory tier's peek and put", "aicache memory tier", "aicache memory tier, ttl"),
        ("the whole cache's get and set", "aicache", "aicache, ttl"),
    ):
        for entries in ("1,000", "100,000"):
            scenario, says = f"miss, put and evict, {entries} entries", f"miss + put + evict, {entries} entries, {who}"
            bars += _beside("4", says, scenario, ttl, {"cachetools TTLCache": 1, "theine": 1}, {})
            bars += _beside("4", says, scenario, ours, {}, {lru: 3.2})
        bars += _beside("4", says, scenario, ours, {}, {f"{ours}, 1,000 entries": 1.3})
    memory = "memory per entry"
    tier, ttl = "aicache memory tier", "aicache memory tier, ttl"
    says = "memory per entry after as many evictions"
    bars += _beside("5", f"{says}, with a ttl", memory, ttl, {"theine": 1, "moka-py": 1}, {})
    bars += [
        _most("5", says, "over key and value", 300, "B", _figure(memory, tier)),
        _most("5", f"{says}, with a ttl", "over key and value", 400, "B", _figure(memory, ttl)),
    ]
    entry, objects, dollars = "hit ratio, entry bound, mean share of MIN", "objects by bytes", "dollars by bytes"
    bars.append(_most("6", entry, "", 70, "%", lambda found: found.mean_share("aicache", "min"), is_least=True))
    for peer, name in _POLICIES.items():
        bars.append(Bar("6", entry, f"above {name}", 1, _ahead_on_traces(peer)))
    points = "hit ratio, entry bound, of each trace at each size"
    bars.append(_most("6", points, "below the best of them, in points", 1, "%", _most_below))
    bars += [
        _most("6a", f"{objects}, no cost given, share of PFOO-L", "", 72, "%", _share("objects"), is_least=True),
        _most("6b", f"{dollars}, cost given, share of PFOO-L", "", 76, "%", _share("dollars"), is_least=True),
    ]
    threads = "sync hit, 8 threads"
    bars += _beside("6c", "8 threads hitting", threads, "aicache", {lru: 20}, {})
    bars.append(
        _most(
            "6c",
            "8 threads hitting",
            "of one thread's rate",
            90,
            "%",
            _times(threads, "aicache, one thread", "aicache"),
            is_least=True,
        )
    )
    return bars + _patterns()


def _patterns() -> list[Bar]:
    """What ruins simpler policies."""
    scenario = "access patterns"

    def found(says: str, what: str, limit: float, name: str, *, is_least: bool = True) -> Bar:
        return _most("6d", says, what, limit, "%", _figure(scenario, "aicache", name, 100), is_least=is_least)

    def ahead_of_lru(found: Found) -> float:
        name = "new favourites, %"
        return found.of(scenario, "aicache", name) / found.of(scenario, "LRU", name)

    kept, live = "entries inside", "of what is alive"
    return [
        found("cold scan of 10 × the capacity", "of a hot set is kept", 95, "hot set after a scan, %"),
        found("loop of 1.5 × the capacity", "hits", 30, "loop, %"),
        found("every key asked twice, 0.7 × the capacity apart", "hits", 45, "twice, %"),
        Bar("6d", "new favourites, first 150,000 requests", "at least LRU's hits", 1, ahead_of_lru),
        _most("6d", "100,000 put with a ttl of 30 days and deleted", kept, 200, "", _figure(scenario, "aicache", kept)),
        found("steady puts with a ttl", f"held, {live}", 105, "held of live, %", is_least=False),
    ]


_POLICIES = {
    "arc": "ARC",
    "s3_fifo": "S3-FIFO",
    "two_q": "2Q",
    "lru": "LRU",
    "theine": "theine",
    "moka": "moka-py held to its bound",
}


def _most_below(found: Found) -> float:
    """The most, over all traces and sizes, that ours is below the best of the others."""
    cells = [row for rows in found.ratios.values() for row in rows]
    if not cells:
        raise MissingError("hit ratios")
    return max(max(row[name] for name in _POLICIES if name in row) - row["aicache"] for row in cells)


def _share(name: str) -> Callable[[Found], float]:
    return lambda found: found.mean_share(name, f"{name}_most")


def _ahead_on_traces(peer: str) -> Callable[[Found], float]:
    return lambda found: found.mean_share("aicache", "min") / found.mean_share(peer, "min")


def _decorator() -> list[Bar]:
    bars: list[Bar] = []
    for how, aiocache, nanoseconds in (("one argument", 65, 260), ("keywords", 28, 680), ("messages", 16, 1400)):
        scenario = f"decorator hit, {how}"
        bars += _beside("7", scenario, scenario, "aicache", {"aiocache memory": aiocache, "cashews mem://": 60}, {})
        bars.append(_most("7", scenario, "", nanoseconds, "ns", _figure(scenario, "aicache")))
    return bars


def _redis() -> list[Bar]:
    bars: list[Bar] = []
    pool, own = "redis-py + msgpack, blocking pool", "redis-py + msgpack"
    for callers, least in (("32", 7), ("256", 9), ("1,024", 9)):
        scenario, says = f"redis get, 1.5 kB, {callers} at once", f"Redis get, {callers} callers"
        peers = {pool: least, "valkey-glide + msgpack": 4, "cashews": 9, "aiocache": 9}
        bars += _beside("8", says, scenario, "aicache", peers, {})
        bars += [
            _most("8", says, "of client CPU", 8, "µs", _figure(scenario, "aicache", "cpu")),
            _most("8", says, "connection", 1, "", _figure(scenario, "aicache", "connections")),
        ]
    one, c = "redis get, 1.5 kB, 1 at once", "floor: the server's benchmark in C"
    bars += _beside("9", "Redis get, one caller", one, "aicache", {own: 2.5}, {})
    bars.append(
        _most("9", "Redis get, one caller", "of the C benchmark", 60, "%", _times(one, c, "aicache"), is_least=True)
    )
    for callers, least in (("1", 1.4), ("32", 7), ("256", 8)):
        scenario, says = f"redis set, 1.5 kB, {callers} at once", f"Redis set, {callers} callers"
        bars += _beside("10", says, scenario, "aicache", {pool: least}, {})
        bars.append(_most("10", says, "of client CPU", 10, "µs", _figure(scenario, "aicache", "cpu")))
    tail = "redis get, tail"
    bars += [
        Bar("11", "tail at 256 callers", f"p99 at least 30 × below {pool}", 30, _of_p99(tail, pool)),
        Bar("11", "tail at 256 callers", "p99 at most 2.5 × its own median", 2.5, _own_tail(tail), is_least=False),
    ]
    many = "redis get_many of 100"
    bars += _beside("12", "get_many of 100", many, "aicache", {"redis-py MGET + msgpack": 1.3}, {})
    bars.append(_most("12", "get_many of 100", "of CPU a key", 4, "µs", _figure(many, "aicache", "cpu", 100)))
    others = {"redis-py mget_nonatomic + msgpack": 1.5}
    bars += _beside("12", "get_many over 3 nodes", "cluster get_many of 100", "aicache", others, {})
    return bars


def _of_p99(scenario: str, other: str) -> Callable[[Found], float]:
    return lambda found: found.of(scenario, other, "p99") / found.of(scenario, "aicache", "p99")


def _own_tail(scenario: str) -> Callable[[Found], float]:
    return lambda found: found.of(scenario, "aicache", "p99") / found.of(scenario, "aicache", "p50")


def _rest() -> list[Bar]:
    codec, stampede = "codec, a completion of 1.5 kB", "1,000 misses on one key, load of 100 ms"
    fleet = "stampede of 4 processes"
    envelope = "encode + decode + envelope, 1.5 kB"
    hundred = "embeddings, a hit of 100"
    collecting = "full collection with 20,000 cached answers"
    bars = [
        *_beside("13", envelope, codec, "aicache", {"json": 2}, {"floor: msgpack + BLAKE2b": 1.6}),
        _most("14", stampede, "load", 1, "", _figure("stampede", "aicache", "loads")),
        _most("14", stampede, "wall", 115, "ms", _figure("stampede", "aicache")),
        _most("14", stampede, "of CPU", 10, "ms", _figure("stampede", "aicache", "cpu")),
        _most("AI", hundred, "as arrays", 1, "ms", _figure(hundred, "aicache, arrays")),
        _most("AI", hundred, "as lists", 1, "ms", _figure(hundred, "aicache, lists")),
        *_transport(),
        _most("15", "the same over 4 processes", "load", 1, "", _figure(fleet, "aicache", "loads")),
        _most("15", "the same over 4 processes", "Redis commands", 80, "", _figure(fleet, "aicache", "commands")),
    ]
    for ours, says in (("aicache", "import aicache"), ("aicache, used", "import aicache, and build a cache")):
        bars += _beside("16", says, "import", ours, {"aiocache": 2}, {})
        bars.append(_most("16", says, "over import asyncio", 15, "ms", _over_asyncio(ours)))
    bars += _beside("17", collecting, "garbage collection", "aicache", {"live dicts": 10}, {})
    bars.append(_most("17", collecting, "", 4, "ms", _figure("garbage collection", "aicache")))
    for name, says in (("wall", "hit"), ("insert, s", "insert")):
        bars.append(
            Bar(
                "18",
                f"scale, from 1,000 entries on: {says}",
                "grows by at most 1.5 × what a dict's grows by",
                1.5,
                _growth(name),
                is_least=False,
            )
        )
    bars += [
        _most("18", "scale: longest insert", "", 10, "ms", _longest("longest insert, s")),
        _most("18", "scale: longest insert, collector off", "", 10, "ms", _longest("longest without collector, s")),
    ]
    return bars


def _transport() -> list[Bar]:
    """What a miss adds to a call without a cache, and what a hit takes, beside an uncached call in the same run."""
    bars: list[Bar] = []
    floor = "floor: no cache"
    for what, milliseconds in (("JSON", 0.1), ("stream", 0.2)):
        miss, hit = f"transport miss, {what}", f"transport hit, {what}"
        bars += [
            _most("AI", miss, "over a call without it", milliseconds, "ms", _over(miss, floor)),
            _most("AI", hit, "", 0.08, "ms", _figure(hit, "aicache")),
            *_beside("AI", hit, hit, "aicache", {floor: 10}, {}),
        ]
    return bars


def _over(scenario: str, other: str) -> Callable[[Found], float]:
    return lambda found: found.of(scenario, "aicache") - found.of(scenario, other)


def _over_asyncio(ours: str) -> Callable[[Found], float]:
    return lambda found: found.of("import", ours) - found.of("import", "floor: import asyncio")


_OURS = "aicache memory tier, "


def _sizes(found: Found) -> list[str]:
    names = [name.removeprefix(_OURS) for name in found.figures.get("scale", ()) if name.startswith(_OURS)]
    if not names:
        raise MissingError("scale")
    return sorted(names, key=lambda name: int(name.replace(",", "")))


def _growth(name: str) -> Callable[[Found], float]:
    """The worst, over the sizes, of how much more ours grew since the smallest size than a dict's."""

    def measured(found: Found) -> float:
        first, *others = _sizes(found)

        def grown(who: str, size: str) -> float:
            return found.of("scale", who + size, name) / found.of("scale", who + first, name)

        return max(grown(_OURS, size) / grown("floor: dict, ", size) for size in others)

    return measured


def _longest(name: str) -> Callable[[Found], float]:
    return lambda found: max(found.of("scale", _OURS + size, name) for size in _sizes(found))
