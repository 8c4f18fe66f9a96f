"""One package for each library that aicache fits into, each behind an extra of its own and imported by nothing else."""

__all__: list[str] = []
