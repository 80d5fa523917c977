"""Reading the run file: safe YAML in which words stay words, and errors that name the line."""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from dualchecker.config.models import RunConfig
from dualchecker.errors import ConfigError


class _Loader(yaml.SafeLoader):
    """Safe YAML in which ``yes``, ``no``, ``on``, ``off`` and dates are words: they can be labels and folder names."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in pairs if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    """Keys stay as they are written (``true`` and ``1`` are fine label names) and may not repeat."""
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "keys must be plain words", key_node.start_mark)
        key = key_node.value
        if key in result:
            raise yaml.constructor.ConstructorError(None, None, f"key '{key}' is given twice", key_node.start_mark)
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)

_BROKEN_YAML = (yaml.YAMLError, ValueError, RecursionError)
"""What PyYAML raises: also plain errors for values that a tag does not fit, and for endless nesting."""


def _values(text: str) -> Any:
    """The plain values of a YAML document; builds nothing but numbers, words, lists and mappings."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _lines(node: yaml.Node | None, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """Line (from 1) of every key path."""
    found: dict[tuple[str, ...], int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, str(key.value))
            found[here] = key.start_mark.line + 1
            found |= _lines(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            here = (*path, str(index))
            found[here] = value.start_mark.line + 1
            found |= _lines(value, here)
    return found


def _known_keys(path: Sequence[str], root: type[BaseModel] = RunConfig) -> list[str]:
    """The keys that may stand at ``path`` in a file whose model is ``root``."""
    model: Any = root
    names = iter(path)
    for name in names:
        if name.isdigit() and model is not root:
            continue  # an entry of a list of sections
        annotation = getattr(model, "model_fields", {}).get(name)
        if annotation is None:
            return []
        candidates = [annotation.annotation, *getattr(annotation.annotation, "__args__", ())]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if model is None:
            return []
        if getattr(annotation.annotation, "__origin__", None) is dict and not next(names, ""):
            return []  # the names in such a mapping are the user's own
    return list(model.model_fields)


_PAGES = {"run": "run-file.md", "bench": "bench.md", "price": "money.md"}
"""Where the keys of each kind of file are listed."""

Places = Mapping[tuple[str, ...], int | str]
"""Where each key path was given: a line of the file, or the ``--set`` option."""


def _place(loc: Sequence[Any], kind: str, lines: Places, root: type[BaseModel]) -> tuple[str, ...]:
    """The key path of an error: pydantic's location without the names of union branches."""
    path: tuple[str, ...] = ()
    for index, part in enumerate(str(p) for p in loc):
        last = index == len(loc) - 1
        if (*path, part) in lines or part in _known_keys(path, root) or (last and kind == "extra_forbidden"):
            path = (*path, part)
    return path


def explain(
    error: ValidationError, lines: Places, source: str, root: type[BaseModel] = RunConfig, what: str = "run"
) -> ConfigError:
    """What pydantic found in a run or bench file (``what``, with the model ``root``), with keys and lines."""
    items = [(_place(item["loc"], item["type"], lines, root), item) for item in error.errors()]
    messages: list[str] = []
    in_file = False
    for path, item in items:
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other, _ in items)
        if deeper and item["type"].endswith(("_type", "_parsing")):
            continue  # the other branch of a union, which was not meant
        line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
        if line is None and path:  # a section that only --set has begun
            line = next((where for given, where in lines.items() if given[: len(path)] == path), None)
        in_file = in_file or not isinstance(line, str)
        place = f"{line}: " if isinstance(line, str) else f"line {line}: " if line else ""
        name = ".".join(path)
        if item["type"] == "extra_forbidden":
            known = _known_keys(path[:-1], root)
            close = difflib.get_close_matches(path[-1], known, n=1, cutoff=0.5)
            hint = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known)}"
            messages.append(f"{place}unknown key '{name}'; {hint}")
        elif item["type"] == "missing":
            messages.append(f"{place}'{name}' is missing")
        elif item["type"] == "model_type":
            messages.append(f"{place}{name}: must be a section with the keys {', '.join(_known_keys(path, root))}")
        else:
            said = item["msg"].removeprefix("Value error, ").replace("a valid tuple", "a list")
            messages.append(f"{place}{name}{': ' if name else ''}{said}")
    reasons = "\n  ".join(dict.fromkeys(messages))
    return ConfigError(
        f"The {what} file {source} cannot be used." if in_file else "A --set option cannot be used.",
        why=f"\n  {reasons}\n",
        fix=f"Mend the {'file' if in_file else 'option'}; docs/{_PAGES[what]} lists every key.",
    )


def parse_setting(text: str) -> tuple[tuple[str, ...], Any]:
    """Split ``a.b=c`` of ``--set`` into a key path and a YAML value.

    Raises:
        ConfigError: There is no ``=`` or the value is no YAML.
    """
    name, sep, value = text.partition("=")
    if not sep or not name.strip():
        raise ConfigError(f"--set {text!r} is not of the form key=value.", fix="Example: --set student.seed=7")
    try:
        return tuple(name.strip().split(".")), _values(value)
    except _BROKEN_YAML as error:
        raise ConfigError(f"The value of --set {text!r} is not valid YAML.", why=str(error)) from error


def build_config(raw: Mapping[str, Any], *, root: Path = Path(), source: str = "<memory>") -> RunConfig:
    """A configuration from plain values.

    Raises:
        ConfigError: A key is unknown or missing, or a value does not fit.
    """
    return validate(raw, root, source, {})


def validate(raw: Mapping[str, Any], root: Path, source: str, lines: Places) -> RunConfig:
    """A configuration from the values of a file; errors name the places where keys were given.

    Raises:
        ConfigError: A key is unknown or missing, or a value does not fit.
    """
    # A section whose keys are all commented out is an empty one.
    given = {name: value for name, value in raw.items() if value is not None}
    try:
        config = RunConfig.model_validate(given)
    except ValidationError as error:
        raise explain(error, lines, source) from None
    config._root = root
    return config


def read_yaml(file: Path, what: str = "run") -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    """The values of a run, bench or price file, and the line of every key path.

    Raises:
        ConfigError: The file is missing, cannot be read, or holds no YAML mapping.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = "Write one with: dualchecker init YOUR_DATA.jsonl" if what == "run" else "Check the path."
        raise ConfigError(f"There is no {what} file {file}.", fix=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The {what} file {file} cannot be read.", why=str(error)) from error
    try:
        node = yaml.compose(text, _Loader)
        raw = _values(text)
    except _BROKEN_YAML as error:
        raise ConfigError(f"The {what} file {file} is not valid YAML.", why=str(error)) from error
    if not isinstance(raw, dict):
        fix = f"See docs/{_PAGES[what]} for an example."
        raise ConfigError(f"The {what} file {file} holds no settings.", fix=fix)
    return raw, _lines(node)


def load_config(path: str | Path, settings: Sequence[str] = ()) -> RunConfig:
    """Read a run file and apply ``--set`` settings over it.

    Raises:
        ConfigError: The file is missing, is no YAML, or breaks the schema; says the line.
    """
    file = Path(path)
    raw, lines = read_yaml(file)
    places: dict[tuple[str, ...], int | str] = dict(lines)
    for setting in settings:
        keys, value = parse_setting(setting)
        places = {place: where for place, where in places.items() if place[: len(keys)] != keys}  # no longer there
        places[keys] = f"--set {setting}"
        target = raw
        for key in keys[:-1]:
            if target.get(key) is None:
                target[key] = {}
            target = target[key]
            if not isinstance(target, dict):
                raise ConfigError(f"--set {setting!r}: '{key}' is a value, not a section.")
        target[keys[-1]] = value
    return validate(raw, file.parent, str(file), places)
