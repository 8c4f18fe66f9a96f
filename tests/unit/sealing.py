"""Entries of byte stores, put there and looked at behind a cache's back."""

from __future__ import annotations

from aicache import Codec

__all__ = ["codec", "kept", "plant", "sealed"]

codec = Codec()


def sealed(key, value, *, created=0.0, ttl=None):
    return codec.seal(key, codec.pack(codec.dumps(value)), created=created, fresh_for=ttl)


def plant(store, key, value, *, ttl=None):
    """Put a valid entry into a byte store behind the cache's back."""
    expires = None if ttl is None else store.clock() + ttl
    store.data[key] = (sealed(key, value, created=store.clock(), ttl=ttl), expires)


def kept(store, key):
    return codec.open(key, store.data[key][0]).value
