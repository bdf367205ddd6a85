"""Errors with a place: pydantic's, and our own.

Enters: a document, paths into it, pydantic's errors. Leaves: diagnostics in the words of someone who writes
policies. Deliberately absent: finding the errors.
"""

from collections.abc import Iterator, Sequence
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from proxy.policy.schema.words import ERROR_TYPE, found, nearest
from proxy.source import Diagnostic, Document, Path, Position


class Complaints:
    """Collects the mistakes of one document."""

    def __init__(self, document: Document) -> None:
        """Begin with none."""
        self.diagnostics: list[Diagnostic] = []
        self._places: set[Position] = set()
        self._document = document

    def add(self, path: Path, message: str, suggestion: str | None = None, *, key: bool = False) -> None:
        """Note a mistake at a path, at its key or its value."""
        position = self._document.position(path, key=key)
        self._places.add(position)
        line = self._document.source_line(position)
        self.diagnostics.append(
            Diagnostic(position, message, line, _width(line, position.column), suggestion)
        )

    def concern(self, path: Path) -> bool:
        """Whether a mistake has been noted at this key, or at its value."""
        return any(self.position(path, key=key) in self._places for key in (True, False))

    def position(self, path: Path, *, key: bool = False) -> Position:
        """Where something stands."""
        return self._document.position(path, key=key)

    def add_validation(self, prefix: Path, model: type[BaseModel], error: ValidationError) -> None:
        """Note everything that pydantic found in the value at `prefix`."""
        for detail in error.errors(include_url=False):
            if detail["input"] is None or detail["input"] == {}:
                continue  # what is empty is complained of as such
            path = prefix + self._real(prefix, detail["loc"])
            message, suggestion, key = _worded(detail, model)
            self.add(path, message, suggestion, key=key)

    def _real(self, prefix: Path, location: Sequence[str | int]) -> Path:
        """The part of pydantic's location that is in the document: it also names branches of unions."""
        data: object = self._document.data
        for step in prefix:
            _, data = _child(data, step)
        real: list[str | int] = []
        for index, step in enumerate(location):
            found, child = _child(data, step)
            if found:
                data = child
            elif index < len(location) - 1 or not isinstance(data, dict):
                continue
            real.append(step)
        return tuple(real)


def _child(data: object, step: str | int) -> tuple[bool, object]:
    """What stands at one step below a value of the document, if anything does."""
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        return True, data[step]
    if isinstance(data, dict) and step in data:
        return True, data[step]
    return False, None


def _worded(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str | None, bool]:
    """Message, suggestion, and whether the key rather than the value is wrong."""
    context = detail.get("ctx", {})
    location = detail["loc"]
    value = detail["input"]
    match detail["type"]:
        case kind if kind == ERROR_TYPE:
            return context["message"], context["suggestion"], False
        case "extra_forbidden":
            keys = sorted(_keys_at(model, location[:-1]))
            word = str(location[-1])
            near = nearest(word, keys)
            listed = "" if near is not None else f"; here may stand {', '.join(keys)}"
            return f'unknown key "{word}"{_inside(location)}{listed}', near, True
        case "missing":
            return f'"{location[-1]}" is missing{_inside(location)}', None, False
        case "too_short":
            return f"an empty list{_of(location)}; leave the key out, or name something", None, False
        case "literal_error":
            words = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
            if value in words and f"'{value}'" not in context["expected"]:
                return f"{location[-1]} is the number {value}, not text; leave out the quotes", None, False
            near = nearest(value, words) if isinstance(value, str) else None
            if location[-1] == "a word":
                words.append("a mapping")
            listed = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
            names = _names(location)
            return f"{names[-1] if names else 'this'} is {listed}, not {found(value)}", near, False
        case "model_type" | "dict_type":
            return f"expected a mapping{_of(location)}, found {found(value)}", None, False
        case "tuple_type":
            what = "a list" if location[-1] == "rules" else "a word or a list of them"
            return f"expected {what}{_of(location)}, found {found(value)}", None, False
        case "int_type":
            return f"expected a whole number{_of(location)}, found {found(value)}", None, False
        case "bool_type":
            return f"expected true or false{_of(location)}, found {found(value)}", None, False
        case "greater_than_equal" | "less_than_equal":
            return f"{_names(location)[-1]} is a number from 1 to 100, not {value}", None, False
        case _:
            return f"{detail['msg']}{_of(location)}", None, False


def _names(location: Sequence[str | int]) -> list[str]:
    return [step for step in location if isinstance(step, str) and " " not in step]


def _inside(location: Sequence[str | int]) -> str:
    names = _names(location[:-1])
    return f" in {names[-1]}" if names else ""


def _of(location: Sequence[str | int]) -> str:
    names = _names(location)
    return f" for {names[-1]}" if names else ""


def _keys_at(model: type[BaseModel], location: Sequence[str | int]) -> set[str]:
    """The keys that may stand at a place of pydantic's."""
    models = {model}
    for step in location:
        if isinstance(step, str) and " " not in step:
            models = {inner for each in models for inner in _models_under(each, step)}
    return {field.alias or name for each in models for name, field in each.model_fields.items()}


def _models_under(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if key == (field.alias or name):
            yield from _models_in(field.annotation)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _width(line: str, column: int) -> int:
    """How far the caret runs: over the word that begins here."""
    rest = line[column - 1 :]
    if rest[:1] in {'"', "'"}:
        end = rest.find(rest[0], 1)
        return end + 1 if end > 0 else 1
    width = 0
    while width < len(rest) and (rest[width].isalnum() or rest[width] in "_-./*<>="):
        width += 1
    return max(1, width)
