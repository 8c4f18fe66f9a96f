"""Adapters for libraries that aicache fits into, one module or package for each, behind an extra of the same name."""

__all__: list[str] = []
