"""Reads a JSON object field by field and gathers what is wrong with it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from controlplane.desired.errors import FieldError, Invalid
from controlplane.desired.values import Param, Params, Text

Reader = Callable[[object], Text | None]

_MISSING = object()


class Fields:
    """One object. Each reading gives a value of its type, a stand-in where there was a mistake;
    `finish` raises Invalid when there was any, or a field that nobody asked for."""

    def __init__(
        self, given: Mapping[str, Any], path: str = "", errors: list[FieldError] | None = None
    ) -> None:
        self._given = dict(given)
        self._path = path
        self._errors: list[FieldError] = [] if errors is None else errors
        self._top = errors is None

    def finish(self) -> None:
        """Say that everything was read."""
        for name in self._given:
            self._wrong(str(name), "is not known")
        if self._top and self._errors:
            raise Invalid(tuple(self._errors))

    def text(self, name: str) -> str:
        """Read a text that must be there."""
        given = self._given.pop(name, _MISSING)
        if isinstance(given, str):
            return given
        self._wrong(name, "is required" if given in (_MISSING, None) else "must be a text")
        return ""

    def optional_text(self, name: str) -> str | None:
        """Read a text, or None."""
        given = self._given.pop(name, None)
        if given is None or isinstance(given, str):
            return given
        self._wrong(name, "must be a text or null")
        return None

    def word(self, name: str) -> str | None:
        """Read a text, or None; true, false and whole numbers stand for their texts."""
        given = self._given.get(name)
        if isinstance(given, bool):
            self._given[name] = "true" if given else "false"
        elif isinstance(given, int):
            self._given[name] = str(given)
        return self.optional_text(name)

    def texts(self, name: str) -> dict[str, str]:
        """Read an object of texts."""
        given = self._given.pop(name, None)
        if given is None:
            return {}
        if isinstance(given, Mapping) and all(isinstance(one, str) for one in given.values()):
            return {str(key): value for key, value in given.items()}
        self._wrong(name, "must be an object of texts")
        return {}

    def given(self, name: str) -> bool:
        """Say whether a field that is not read yet was given, and not as null."""
        return self._given.get(name) is not None

    def drop(self, name: str) -> None:
        """Pass over a field."""
        self._given.pop(name, None)

    def whole(self, name: str, default: int) -> int:
        """Read a whole number."""
        value = self.optional_whole(name)
        return default if value is None else value

    def optional_whole(self, name: str, missing: int | None = None) -> int | None:
        """Read a whole number, or None; `missing` when nothing is said."""
        given = self._given.pop(name, missing)
        # 64 bits is what both databases hold; JSON's true is an int to Python.
        if given is None or (isinstance(given, int) and not isinstance(given, bool) and abs(given) < 2**63):
            return given
        self._wrong(name, "must be a whole number")
        return None

    def truth(self, name: str) -> bool:
        """Read true or false, which it is when missing."""
        given = self._given.pop(name, False)
        if isinstance(given, bool):
            return given
        self._wrong(name, "must be true or false")
        return False

    def optional_truth(self, name: str) -> bool | None:
        """Read true or false, or None."""
        given = self._given.pop(name, None)
        if given is None or isinstance(given, bool):
            return given
        self._wrong(name, "must be true, false or null")
        return None

    def one_of(self, name: str, known: Sequence[str], default: str | None = None) -> str:
        """Read one of some words."""
        given = self._given.pop(name, default)
        if isinstance(given, str) and given in known:
            return given
        self._wrong(name, f"must be one of {', '.join(known)}")
        return known[0]

    def some_of(self, name: str, known: Sequence[str]) -> tuple[str, ...]:
        """Read a list of some of these words; all of them when missing."""
        given = self._given.pop(name, None)
        if given is None:
            return tuple(known)
        if isinstance(given, (list, tuple)) and all(isinstance(one, str) and one in known for one in given):
            return tuple(given)
        self._wrong(name, f"must be a list of some of {', '.join(known)}")
        return ()

    def names(self, name: str) -> tuple[str, ...]:
        """Read a list of texts."""
        given = self._list(name)
        if all(isinstance(one, str) for one in given):
            return tuple(given)
        self._wrong(name, "must be a list of texts")
        return ()

    def objects(self, name: str) -> Iterator["Fields"]:
        """Read a list of objects, each finished after it was read."""
        for position, given in enumerate(self._list(name)):
            path = f"{self._path}{name}[{position}]"
            if not isinstance(given, Mapping):
                self._errors.append(FieldError(path, "must be an object"))
                continue
            fields = Fields(given, f"{path}.", self._errors)
            yield fields
            fields.finish()

    def refuse(self, name: str, reason: str) -> None:
        """Note a mistake in a field's value; an empty name means the object itself."""
        self._errors.append(FieldError(f"{self._path}{name}".removesuffix("."), reason))

    def sealable(self, name: str, reader: Reader) -> Text:
        """Read a text or a reference to a sealed one."""
        return self._sealable(name, self._given.pop(name, _MISSING), reader)

    def sealables(self, name: str, reader: Reader) -> tuple[Text, ...]:
        """Read a list of texts or references."""
        return tuple(
            self._sealable(f"{name}[{position}]", given, reader)
            for position, given in enumerate(self._list(name))
        )

    def params(self, name: str, reader: Reader, *, directed: bool) -> Params:
        """Read params from a list or an object."""
        given = self._given.pop(name, None)
        if isinstance(given, Mapping):
            return tuple(
                Param(str(key), self._sealable(f"{name}.{key}", value, reader))
                for key, value in given.items()
            )
        if given is not None:
            self._given[name] = given
        return tuple(
            Param(
                one.text("name"),
                one.sealable("value", reader),
                one._direction() if directed else None,
            )
            for one in self.objects(name)
        )

    def _direction(self) -> str | None:
        given = self.optional_text("direction")
        if given in (None, "inbound", "outbound"):
            return given
        self._wrong("direction", "must be inbound, outbound or null")
        return None

    def _sealable(self, name: str, given: object, reader: Reader) -> Text:
        value = reader(given)
        if value is None:
            missing = given is _MISSING or given is None
            self._wrong(name, "is required" if missing else 'must be a text or {"secret": "ID@VERSION"}')
            return ""
        return value

    def _list(self, name: str) -> list[Any]:
        given = self._given.pop(name, None)
        if given is None:
            return []
        if isinstance(given, (list, tuple)):
            return list(given)
        self._wrong(name, "must be a list")
        return []

    def _wrong(self, name: str, reason: str) -> None:
        self._errors.append(FieldError(f"{self._path}{name}", reason))
