"""Why a bar of a goal is missed, and what it would take to reach it. Said by hand, and shown only where one is missed;
by how much is in the table of the goals, and what each promise costs in the tables of the promises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["REASONS", "reasons"]

REASONS: dict[str, str] = {
    "1": (
        "What the tables of the promises add to an empty coroutine is all there is: a look in a dict, the clock for"
        " the ttl, the use remembered for the eviction, the count. The clock alone costs as much as half a "
        "coroutine on this machine. The prototypes behind the bars counted on a cheaper clock. It would take "
        "compiled code, or a timer that removes what has expired in place of the clock, which is late wherever the "
        "event loop is."
    ),
    "2": (
        "As 1; the second tier adds nothing to a hit. The ratios to peers are those of a hit that looks at the ttl, "
        "counts, and forgets what another process has invalidated; the peers do the first, or none of them. The bar "
        "beside LiteLLM is of a version whose hit took some 135 empty coroutines; the one here takes a third of that."
    ),
    "3": (
        "As 1, without the coroutine: beside `dict.get` alone, the clock, the use and the count are several times a"
        " look-up. Under the decorator a call and the name of its argument come to it. It would take compiled code."
    ),
    "4": (
        "The memory tier's own put meets its bars, or nearly. Before a `set` of the whole cache gets there it checks "
        "the key and the ttl, asks whether the value can be shared and how large it is, takes the fence by which no "
        "older load is stored after it, and counts; a `get` that misses asks the table twice, once for what is stale. "
        "That is a third of all instructions. It would take compiled code."
    ),
    "5": (
        "It is what the process is seen to grow by, so it depends on how its pages fall: five runs gave 297 to 308 B."
        " A number in a list or an array takes 8 B of an entry; it would take one or two of them less."
    ),
    "6c": (
        "The threads of this interpreter take turns, and what is compared is how long an LRU's lock is fought for: "
        "more on some machines than on others. The hit itself takes no lock."
    ),
    "7": (
        "The nanoseconds are those of a machine whose bare call takes 95; here it takes twice to three times that. With"
        " one argument a hit takes no more bare calls than the bar did there. The rest is in the promises of a hit, "
        "and the name of the arguments. It would take compiled code."
    ),
    "8": (
        "The bars are those of a prototype that reads by MGET, decodes msgpack and checks nothing. Here a reply can"
        " be no larger than was asked for (GETRANGE in place of MGET), and each value is decompressed, checked to "
        "be whole and its own key's (BLAKE2b), and limited: see the promises of a Redis get. It would take the "
        "envelope in compiled code; checksums in place of BLAKE2b would not find what is made to deceive."
    ),
    "9": (
        "One caller waits for the event loop to turn twice for each reply, which C does not, and then for what 8 "
        "names. It would take an event loop in C (uvloop) or a Unix socket."
    ),
    "10": (
        "The bars are those of one SET of msgpack. Here a value is looked at type by type and serialized (a sixth of "
        "the instructions in this process), compressed (a quarter) and sealed (a sixth), older loads of its key are "
        "refused, and other processes' memory is told: see the promises of a Redis set. What goes with a set is said "
        "once for all that come together; a lone one sends three commands. It would take the envelope in compiled "
        "code, and for a lone set a script, which a server may deny."
    ),
    "11": (
        "How late the latest are in a blocking pool is chance: in six runs of this table by itself they were 36 to 53 "
        "times as late as here."
    ),
    "12": (
        "As 8: each value of the hundred is limited, decompressed and checked for its own key, where MGET hands over "
        "whatever is there. Of the instructions for a key, without the client's, a quarter is the value itself, a "
        "quarter BLAKE2b, a fourteenth lz4, somewhat more than a quarter the header, and a sixth the tier and the "
        "cache."
    ),
    "13": (
        "What msgpack would bring back as another type is found and kept in another way, which takes a look at each"
        " value. That, compression and BLAKE2b take a seventh to a fifth each, and the header a third: see the promises"
        " of the codec. Uncompressed, the bar beside msgpack and BLAKE2b is met. It would take the header and the look "
        "at the types in compiled code."
    ),
    "14": (
        "The tasks of the thousand callers are most of it: they are made, wait for one future each, and end. One "
        "future for all, which promises nothing, takes more than half of the time, and misses the bars too."
    ),
    "16": (
        "`import aicache` loads nothing. Building a cache loads the tiers, msgpack and lz4, and asyncio if nobody "
        "has; it is paid once, at the start."
    ),
    "18": (
        "The longest insert is where a table grows, or a list of as many numbers as there are entries is copied since "
        "there is no room behind it; no two of them at once. A bare dict takes longer for its own. It would take "
        "smaller parts, and a longer way to each entry. A hit reads an entry and two numbers beside the table, so it "
        "is out of the processor's nearest caches at 10,000 entries, where a dict still is within; from there on both "
        "grow alike, and over all sizes it grows less than a dict's own. It would take entries without objects."
    ),
    "AI": (
        "A request is made canonical and named, its answer read, judged and recorded, and a stream recorded chunk by "
        "chunk. A JSON miss adds some 770,000 instructions, of which parsing the request and writing it canonically "
        "takes 92,000, the digest 28,000, three turns of the event loop 66,000, a second response object 21,000, "
        "reading the answer 100,000 and storing it 75,000; the rest is the task of its own, the fence and the tape "
        "that readers share: more than the bar has room for, though none of them is more than it does. The least that "
        "can be done, a dict by the digest of the request, without single flight, bounds or judgement, and which "
        "gives nothing before all has come, added 0.11 and 0.23 ms to a JSON call and 0.09 and 0.15 ms to a stream, "
        "in two runs of their own. It would take compiled code. Vectors as lists are made one float at a time; as "
        "arrays they are not."
    ),
}


def reasons(goals: Sequence[dict[str, Any]]) -> str:
    """A paragraph for each goal of which a bar was missed."""
    missed = dict.fromkeys(row["goal"] for row in goals if row["is_met"] is False)
    return (
        "\n".join(f"- **{goal}**: {REASONS.get(goal, 'not looked into yet.')}" for goal in missed) or "None is missed."
    )
