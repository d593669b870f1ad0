"""Floor 2 · tables — functions of the operator's own, named in the settings as `module:function`."""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Final

from pydantic import AfterValidator

from mailrail.model import SettingsError

_NAME: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


def _function_name(text: str) -> str:
    if text and _NAME.fullmatch(text) is None:
        raise ValueError(f"{text!r} names no function: write it like mysite.mail:check")
    return text


FunctionName = Annotated[str, AfterValidator(_function_name)]


def find_function(text: str) -> Callable[..., object]:
    """Return the function that `module:function` names; its module is imported, which runs it.

    Raises:
        SettingsError: there is none.
    """
    module_name, _, name = text.partition(":")
    try:
        found: object = getattr(import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(f"there is no function {text}: {error}") from error
    if not callable(found):
        raise SettingsError(f"{text} is no function")
    return found
