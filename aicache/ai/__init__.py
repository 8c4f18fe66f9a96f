"""The AI layer: answers by text, operation and options, with keys that never mistake one request for another."""

from aicache.ai._async.cache import AIResponseCache
from aicache.ai._async.embeddings import EmbeddingCache
from aicache.ai._sync.cache import SyncAIResponseCache
from aicache.ai._sync.embeddings import SyncEmbeddingCache
from aicache.ai.answers import Answer
from aicache.ai.differences import Difference
from aicache.ai.keys import CacheKeyGenerator
from aicache.ai.ledger import SavingsLedger
from aicache.ai.monitor import CachePerformanceMonitor, NullPerformanceMonitor
from aicache.ai.prices import PriceList
from aicache.ai.savings import Savings
from aicache.ai.stats import AICacheStats
from aicache.ai.usage import Usage

__all__ = [
    "AICacheStats",
    "AIResponseCache",
    "Answer",
    "CacheKeyGenerator",
    "CachePerformanceMonitor",
    "Difference",
    "EmbeddingCache",
    "NullPerformanceMonitor",
    "PriceList",
    "Savings",
    "SavingsLedger",
    "SyncAIResponseCache",
    "SyncEmbeddingCache",
    "Usage",
]
