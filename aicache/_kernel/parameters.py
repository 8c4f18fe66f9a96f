"""Functions of one parameter: a wrapper for any arguments has a tuple and a dict made at each call, one for a single
argument has not, and can be called by the same name all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

__all__ = ["only_parameter", "take_parameter"]


def only_parameter(function: Callable[..., Any]) -> Parameter | None:
    """The one that the function has, where that can be given by position; else None."""
    parameters = list(signature(function).parameters.values())
    if len(parameters) != 1 or parameters[0].kind not in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
        return None
    return parameters[0]


def take_parameter(wrapper: Any, parameter: Parameter) -> None:
    """Give a wrapper of one parameter the name, the kind and the default of another's."""
    code = wrapper.__code__
    others = [f".{name}" for name in code.co_varnames[1:]]  # no parameter has a dot in its name
    wrapper.__code__ = code.replace(
        co_varnames=(parameter.name, *others),
        co_posonlyargcount=int(parameter.kind is Parameter.POSITIONAL_ONLY),
    )
    if parameter.default is not Parameter.empty:
        wrapper.__defaults__ = (parameter.default,)
