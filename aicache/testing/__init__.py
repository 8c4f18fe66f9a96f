"""What library authors and applications test with."""

from aicache.testing.clock import FakeClock

__all__ = ["FakeClock"]
