"""Secrets: one key for the tag and one for the body are derived from each, and the body is sealed with AES-256-GCM."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

from aicache.codecs.numbered import is_number
from aicache.errors import ConfigurationError, MissingExtraError

__all__ = ["NONCE_SIZE", "Cipher", "checked_secrets", "tag_keys"]

NONCE_SIZE: Final = 12


def checked_secrets(secrets: Mapping[int, bytes]) -> dict[int, bytes]:
    """The secrets by number; raises `ConfigurationError`, which shows none of them."""
    for number, secret in secrets.items():
        if not is_number(number, 0, 255):
            raise ConfigurationError(f"secrets is {{number: bytes}}, with a number from 0 to 255; got {number!r}")
        if not _is_secret(secret):
            raise ConfigurationError(
                f"secrets[{number}] must be at least 16 random bytes; make one: secrets.token_bytes(32)"
            )
    return dict(secrets)


def tag_keys(secrets: Mapping[int, bytes]) -> dict[int, bytes]:
    """The key of the envelope's tag, for each secret."""
    return {number: _derived(secret, b"aicache-tag") for number, secret in secrets.items()}


class Cipher:
    """AES-256-GCM (NIST SP 800-38D) with a random nonce; header and cache key are authenticated with the body."""

    def __init__(self, secrets: Mapping[int, bytes]) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            message = "encrypt=True needs the library cryptography; pip install 'aicache[crypto]'"
            raise MissingExtraError(message) from error
        self._keys: dict[int, Any] = {n: AESGCM(_derived(secret, b"aicache-body")) for n, secret in secrets.items()}

    def nonce(self) -> bytes:
        """A new one for each envelope."""
        return os.urandom(NONCE_SIZE)

    def encrypt(self, number: int, nonce: bytes, body: bytes, bound: bytes) -> bytes:
        """The body, sealed: 16 bytes longer."""
        sealed: bytes = self._keys[number].encrypt(nonce, body, bound)
        return sealed

    def decrypt(self, number: int, nonce: bytes, body: bytes, bound: bytes) -> bytes:
        """The body again; raises where anything about it was changed."""
        opened: bytes = self._keys[number].decrypt(nonce, body, bound)
        return opened


def _is_secret(value: object) -> bool:
    return isinstance(value, bytes) and len(value) >= 16


def _derived(secret: bytes, use: bytes) -> bytes:
    return blake2b(secret, digest_size=32, person=use).digest()
