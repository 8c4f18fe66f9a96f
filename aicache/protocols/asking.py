"""Asking for a capability."""

from __future__ import annotations

__all__ = ["supports"]


def supports(backend: object, capability: type) -> bool:
    """Say whether `backend` has a capability; for constructors, as it is slow.

    A wrapper that has every verb but an inside that has not reports the inside's answer in a `capabilities` attribute,
    a collection of the protocols above; where there is one, it alone counts.
    """
    reported = getattr(backend, "capabilities", None)
    if reported is not None:
        return capability in reported
    return isinstance(backend, capability)
