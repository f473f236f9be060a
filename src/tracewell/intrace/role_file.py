"""The role file: which groups have which roles, which scopes a role has, whose limits differ.

Pure: text in, rules out. Who reads the file, and when again, is decided in `main`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import yaml

from tracewell.intrace.access import DEFAULT_ROLES, SCOPES, AccessRules, OwnLimits
from tracewell.kernel.limits.model import CAPACITY_MAX

FILE_BYTES_MAX = 256 << 10
ENTRIES_MAX = 10_000
NAME_CHARACTERS_MAX = 256
PROBLEMS_MAX = 50
PER_MINUTE_MAX = 1_000_000

_SECTIONS = ("roles", "groups", "rate_limits")
_PRINCIPALS = ("user:", "service:", "key:")
_LIMITS = {"requests_per_minute": 1, "burst": 0, "deep_lookups_per_minute": 1}
"""Each limit with the least that it may be."""


class RoleFileWrong(ValueError):  # noqa: N818
    """The file cannot be used; `problems` names each place, what is wrong, what would be right."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)[:PROBLEMS_MAX]
        super().__init__("\n".join(self.problems))


def parse_role_file(data: bytes) -> AccessRules:
    """The rules of a role file (YAML 1.1, UTF-8). Raises RoleFileWrong with all that is wrong."""
    if len(data) > FILE_BYTES_MAX:
        raise RoleFileWrong([f"the file is over {FILE_BYTES_MAX} bytes"])
    try:
        document = yaml.load(data.decode("utf-8"), _Loader)  # noqa: S506 - a safe loader
    except UnicodeDecodeError as error:
        raise RoleFileWrong(["the file is not UTF-8"]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise RoleFileWrong([_told_yaml(error)]) from error
    if not isinstance(document, dict):
        raise RoleFileWrong([f"the file must be a mapping with {', '.join(_SECTIONS)}"])
    reader = _Reader()
    rules = reader.read(document)
    if reader.problems:
        raise RoleFileWrong(reader.problems)
    return rules


class _Loader(yaml.SafeLoader):
    """YAML without what makes a small file large or one line hide another."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(None, None, "aliases (*name) are not allowed", self._mark())
        return super().compose_node(parent, index)

    def _mark(self) -> Any:
        return self.peek_event().start_mark  # type: ignore[no-untyped-call]

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.value in seen:
                raise yaml.MarkedYAMLError(
                    None, None, f"{key_node.value!r} stands here twice", key_node.start_mark
                )
            seen.add(key_node.value if isinstance(key_node, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)


def _told_yaml(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return f"{place}not YAML that can be used: {getattr(error, 'problem', None) or 'unreadable'}"


class _Reader:
    """Reads a document, collecting what is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def read(self, document: Mapping[Any, Any]) -> AccessRules:
        for name in document:
            if name not in _SECTIONS:
                self._tell(str(name), f"is none of {', '.join(_SECTIONS)}{_near(name, _SECTIONS)}")
        own = dict(self._entries(document, "roles", self._scopes))
        roles = MappingProxyType({**DEFAULT_ROLES, **own})
        groups = None
        if "groups" in document:

            def roles_of(place: str, value: Any) -> tuple[str, ...]:
                return self._names(place, value, tuple(roles), "role")

            groups = MappingProxyType(dict(self._entries(document, "groups", roles_of)))
        limits = dict(self._entries(document, "rate_limits", self._limits))
        for principal in limits:
            if not principal.startswith(_PRINCIPALS) or principal in _PRINCIPALS:
                self._tell(
                    f"rate_limits.{principal}",
                    "must name a principal: user:<user id>, service:<account name> or key:<key id>",
                )
        return AccessRules(roles, groups, MappingProxyType(limits))

    def _entries(
        self, document: Mapping[Any, Any], section: str, read: Callable[[str, Any], Any]
    ) -> Iterator[tuple[str, Any]]:
        given = document.get(section)
        if given is None:
            return
        if not isinstance(given, dict):
            self._tell(section, "must be a mapping (name: value)")
            return
        if len(given) > ENTRIES_MAX:
            self._tell(section, f"has more than {ENTRIES_MAX} entries")
            return
        for name, value in given.items():
            place = f"{section}.{name}"
            if not isinstance(name, str):
                self._tell(place, f"must be text: write '{name}' in quotes")
            elif not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
                self._tell(place, f"must have 1 to {NAME_CHARACTERS_MAX} printable characters")
            else:
                yield name, read(place, value)

    def _scopes(self, place: str, value: Any) -> frozenset[str]:
        return frozenset(self._names(place, value, SCOPES, "scope"))

    def _names(self, place: str, value: Any, known: tuple[str, ...], kind: str) -> tuple[str, ...]:
        """One name, or a list of names, all of them known."""
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list):
            self._tell(place, f"must be a list of {kind}s, for example [{known[0]}]")
            return ()
        for position, name in enumerate(listed):
            if name not in known:
                self._tell(
                    f"{place}[{position}]",
                    f"{name!r} is no {kind}{_near(name, known)} ({kind}s: {', '.join(known)})",
                )
        return tuple(name for name in listed if isinstance(name, str))

    def _limits(self, place: str, value: Any) -> OwnLimits:
        if not isinstance(value, dict) or not value:
            self._tell(place, "must be a mapping, for example {requests_per_minute: 600}")
            return OwnLimits()
        for name, number in value.items():
            if name not in _LIMITS:
                self._tell(
                    f"{place}.{name}", f"is none of {', '.join(_LIMITS)}{_near(name, _LIMITS)}"
                )
            elif type(number) is not int or not _LIMITS[name] <= number <= PER_MINUTE_MAX:
                least = _LIMITS[name]
                self._tell(
                    f"{place}.{name}", f"must be a whole number, {least} to {PER_MINUTE_MAX}"
                )
        numbers: dict[str, int] = {
            name: value[name] for name in _LIMITS if type(value.get(name)) is int
        }
        if numbers.get("requests_per_minute", 0) + numbers.get("burst", 0) > CAPACITY_MAX:
            self._tell(place, f"requests_per_minute and burst are over {CAPACITY_MAX} together")
        return OwnLimits(**numbers)

    def _tell(self, place: str, problem: str) -> None:
        self.problems.append(f"{place}: {problem}")


def _near(name: object, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
