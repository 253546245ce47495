"""What ACP says of modes, models and options, as the knobs of `agent.knobs`, and by which request each is turned.

Source of the shapes: Agent Client Protocol schema 1.19 for ``modes`` and ``configOptions``; ``models`` and
``session/set_model`` were in it before, Gemini CLI has nothing else, and the SDK knows neither.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Annotated, Any, Literal

from acp import schema
from pydantic import BaseModel, Field, ValidationError

from agent.knobs import MODE, MODEL, Choice, Knob

Way = Literal["set_mode", "set_model", "select", "boolean"]
"""The request that turns a knob: ``session/set_mode``, ``session/set_model``, ``session/set_config_option``."""

_CATEGORIES = {"mode": MODE, "model": MODEL, "thought_level": "", "model_config": ""}
"""The options that are offered, and their own names. One without a category may be leave to do things unasked, by any
name, of which nobody could say what it is."""
_TELLING = frozenset({"modes", "models", "configOptions"})
_MOST_KNOBS = 20
_MOST_CHOICES = 500
_LONGEST_ID = 200
_LONGEST_NAME = 100
_LONGEST_WHAT = 500
_ON, _OFF = "on", "off"


@dataclass(frozen=True)
class Option:
    """A configuration option: the agent's id of it, how it is set, and the knob that it is."""

    config_id: str
    way: Way
    knob: Knob


@dataclass(frozen=True)
class Offering:
    """All that the agent offers, by where it came from."""

    modes: Knob | None = None
    models: Knob | None = None
    options: tuple[Option, ...] = field(default=())

    @property
    def knobs(self) -> tuple[Knob, ...]:
        """Each knob once, model and mode first. A mode is set as a mode where the agent has modes."""
        found: dict[str, Knob] = {}
        for knob in (self.models, self.modes):
            if knob is not None:
                found[knob.id] = knob
        for option in self.options:
            if option.knob.id != MODE or self.modes is None:
                found[option.knob.id] = option.knob
        return tuple(sorted(found.values(), key=lambda knob: (knob.id != MODEL, knob.id != MODE)))

    def find_way(self, knob_id: str) -> tuple[Way, str]:
        """By which request a knob is turned, and the option's id for it; the knob is one of `knobs`."""
        if knob_id == MODE and self.modes is not None:
            return "set_mode", ""
        option = next((each for each in self.options if each.knob.id == knob_id), None)
        return ("set_model", "") if option is None else (option.way, option.config_id)

    def turned(self, knob_id: str, value: str) -> "Offering":
        """The same with another value of a knob."""
        return Offering(
            modes=_turn(self.modes, knob_id, value),
            models=_turn(self.models, knob_id, value),
            options=tuple(replace(o, knob=_turn(o.knob, knob_id, value) or o.knob) for o in self.options),
        )

    def answered(self, message: Mapping[str, Any]) -> "Offering":
        """The same after an answer as it came: to ``session/new``, ``load`` and ``resume``, and to the setting of an
        option. Others say nothing of all this."""
        result = message.get("result")
        if not isinstance(result, dict) or not _TELLING & result.keys():
            return self
        try:
            read = schema.ResumeSessionResponse.model_validate(result)
        except ValidationError:
            return self
        modes, models = _read_modes(read.modes), _read_models(result.get("models"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # JSON
        offering = replace(self, modes=modes or self.modes, models=models or self.models)
        return offering if read.config_options is None else offering.with_options(read.config_options)

    def updated(self, update: Any) -> "Offering":
        """The same after an ACP ``session/update``."""
        match update:
            case schema.CurrentModeUpdate():
                return self.turned(MODE, update.current_mode_id[:_LONGEST_ID])
            case schema.ConfigOptionUpdate():
                return self.with_options(update.config_options)
            case _:
                return self

    def with_options(self, options: Sequence[Any]) -> "Offering":
        """The same with these configuration options; what they say of the mode counts for the modes, too."""
        read = read_options(options)
        mode = next((option.knob.value for option in read if option.knob.id == MODE), None)
        known = self.modes is not None and mode in {choice.value for choice in self.modes.choices}
        modes = _turn(self.modes, MODE, mode) if known and mode is not None else self.modes
        return replace(self, modes=modes, options=read)


def read_options(options: Iterable[Any]) -> tuple[Option, ...]:
    """Configuration options whose category says what they are."""
    found = [read for option in islice(options, _MOST_KNOBS) if (read := _read_option(option)) is not None]
    return tuple({option.knob.id: option for option in reversed(found)}.values())[::-1]


def _read_option(option: Any) -> Option | None:
    if not isinstance(option.category, str) or option.category not in _CATEGORIES:
        return None
    name = _CATEGORIES[option.category] or option.id
    match option:
        case schema.SessionConfigOptionSelect():
            choices = tuple(_choice(each.value, each.name, each.description) for each in _flatten(option.options))
            value, way = option.current_value, "select"
        case schema.SessionConfigOptionBoolean():
            choices = (_choice(_ON, "On", None), _choice(_OFF, "Off", None))
            value, way = _ON if option.current_value else _OFF, "boolean"
        case _:
            return None
    return Option(option.id, way, _knob(name, option.name, value, choices))


def _flatten(options: Sequence[Any]) -> Iterable[schema.SessionConfigSelectOption]:
    flat = (each for o in options for each in (o.options if isinstance(o, schema.SessionConfigSelectGroup) else (o,)))
    return islice(flat, _MOST_CHOICES)


def _read_modes(modes: schema.SessionModeState | None) -> Knob | None:
    if modes is None or not modes.available_modes:
        return None
    choices = tuple(_choice(m.id, m.name, m.description) for m in islice(modes.available_modes, _MOST_CHOICES))
    return _knob(MODE, "Mode", modes.current_mode_id, choices)


class _Model(BaseModel):
    id: Annotated[str, Field(alias="modelId")]
    name: str
    description: str | None = None


class _Models(BaseModel):
    """The answer's ``models``, as the schema had them until 1.18."""

    current: Annotated[str, Field(alias="currentModelId")]
    available: Annotated[list[_Model], Field(alias="availableModels")]


def _read_models(models: object) -> Knob | None:
    try:
        read = _Models.model_validate(models)
    except ValidationError:
        return None
    choices = tuple(_choice(m.id, m.name, m.description) for m in read.available[:_MOST_CHOICES])
    return _knob(MODEL, "Model", read.current, choices) if choices else None


def _choice(value: str, name: str, what: str | None) -> Choice:
    return Choice(value=value, name=(name or value)[:_LONGEST_NAME], what=(what or "")[:_LONGEST_WHAT])


def _knob(knob_id: str, name: str, value: str, choices: tuple[Choice, ...]) -> Knob:
    fitting = tuple(choice for choice in choices if 0 < len(choice.value) <= _LONGEST_ID)
    return Knob(id=knob_id[:_LONGEST_ID], name=name[:_LONGEST_NAME], value=value[:_LONGEST_ID], choices=fitting)


def _turn(knob: Knob | None, knob_id: str, value: str) -> Knob | None:
    return knob.model_copy(update={"value": value}) if knob is not None and knob.id == knob_id else knob
