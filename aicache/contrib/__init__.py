"""Adapters for libraries that have a place for a cache, one module for each, behind the extra of the same name."""

__all__: list[str] = []
