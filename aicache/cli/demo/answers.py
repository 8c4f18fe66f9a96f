"""Answers that look like a model's, made from nothing but a number and a size: the same ones on every machine.

Their text is modelled: words of English frequency in sentences, lists and code, so that it compresses about as such
text does. One long text is written when it is first needed, and every answer is a piece of it.
"""

from __future__ import annotations

from bisect import bisect
from functools import cache
from itertools import accumulate
from random import Random
from typing import Any, Final

__all__ = ["answer", "text"]

_LONGEST: Final = 128 * 1024
_WRITTEN: Final = 768 * 1024

# What an answer of no text takes, serialized; the text fills the rest of its size.
_FRAME: Final = 230

# The commoner a word, the nearer to the front: word n is chosen about n times less often than the first (Zipf's law).
_WORDS: Final = """
the of and to a in is that for it as with on are be this by or an from at which not can if you when have has each one
more will use used all but they their its was we your may into other than these there so only time value first data
also should new set two between because how what number same then them who some most such way system model result
function key cache request response list call process order any user text small large case after before while where
must need return returns does point part different example change changes type object name file version state table
error default option cost latency memory server client token tokens prompt answer question context message service
store stored read write query index path rate limit current following possible without within under over during
instead usually often always never both several every either simple common clear important available required local
remote single multiple next last long short high low better best likely means makes take takes give gives keep keeps
work works step steps line lines test tests code run runs start end add remove update check create build handle
support allow avoid reduce increase improve compare measure consider note however therefore although otherwise
depends depending provide provides include includes contain contains represent describe explain summary section
customer product delivery invoice contract market price quality team project report research study country language
history science energy water health school company government policy planning design pattern approach method
strategy trade-off performance throughput bandwidth concurrency consistency availability partition replica shard
schema migration deployment container cluster network protocol security permission credential encryption signature
compression serialization envelope expiry eviction invalidation tier backend minimum percentile median average
deviation distribution hypothesis evidence conclusion assumption probability estimate parameter gradient embedding
vector dimension similarity retrieval document paragraph sentence translation sentiment classification extraction
annotation evaluation benchmark regression accuracy precision recall threshold iteration recursion exception
asynchronous synchronous thread coroutine scheduler semaphore deadlock timeout retry backoff jitter idempotent
transaction rollback snapshot checkpoint journal heartbeat failover quorum election membership topology
""".split()  # noqa: SIM905 as words they can be read

# What may follow a word: so many others, the first of them the likeliest. It sets how often phrases come back.
_FOLLOWERS: Final = 16


def _zipf(count: int) -> list[float]:
    """Running totals of the weights 1, 1/2, 1/3, …"""
    return list(accumulate(1.0 / rank for rank in range(1, count + 1)))


def answer(number: int, size: int) -> dict[str, Any]:
    """The answer that is object `number`, about `size` bytes when serialized (never less than its frame takes)."""
    words = text(number, max(0, size - _FRAME))
    spent = 1 + len(words) // 4  # some four characters to a token
    return {
        "id": f"chatcmpl-{number:024x}",
        "object": "chat.completion",
        "created": 1_750_000_000 + number,
        "model": "demo-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": words, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": spent * 2, "completion_tokens": spent, "total_tokens": spent * 3},
    }


def text(number: int, size: int) -> str:
    """The text of object `number`, `size` characters long; all of them ASCII."""
    size = min(size, _LONGEST)
    begin = number * 2_654_435_761 % (_WRITTEN - size)  # Knuth's multiplicative hash spreads them over the whole
    return _written()[begin : begin + size]


@cache
def _written() -> str:
    writer = _Writer()
    paragraphs: list[str] = []
    length = 0
    while length < _WRITTEN:
        paragraphs.append(writer.paragraph())
        length += len(paragraphs[-1]) + 2
    return "\n\n".join(paragraphs)[:_WRITTEN]


class _Writer:
    """Writes for ever: each word is chosen among the followers of the one before it."""

    def __init__(self) -> None:
        self._random = Random("answers").random  # the one method whose numbers are the same in every Python
        self._common = _zipf(len(_WORDS))
        self._next = _zipf(_FOLLOWERS)
        self._followers = [[self._pick(self._common) for _ in range(_FOLLOWERS)] for _ in _WORDS]
        self._word = 0

    def _pick(self, totals: list[float]) -> int:
        return bisect(totals, self._random() * totals[-1])

    def _up_to(self, count: int) -> int:
        return int(self._random() * count)

    def paragraph(self) -> str:
        """Prose, or now and then a list or a piece of code."""
        kind = self._random()
        if kind < 0.12:
            return "\n".join([f"{n}. **{self._words(2).title()}**: {self._sentence()}" for n in range(1, 5)])
        if kind < 0.22:
            lines = [f"    {self._name()} = {self._name()}({self._name()}, {self._up_to(99)})" for _ in range(5)]
            return "\n".join(["```python", f"def {self._name()}({self._name()}):", *lines, "```"])
        return " ".join([self._sentence() for _ in range(2 + self._up_to(5))])

    def _sentence(self) -> str:
        sentence = ", ".join([self._words(4 + self._up_to(9)) for _ in range(1 + self._up_to(3))])
        return f"{sentence[0].upper()}{sentence[1:]}."

    def _name(self) -> str:
        return self._words(2).replace(" ", "_").replace("-", "_")

    def _words(self, count: int) -> str:
        words: list[str] = []
        for _ in range(count):
            self._word = self._followers[self._word][self._pick(self._next)]
            words.append(_WORDS[self._word])
        return " ".join(words)
