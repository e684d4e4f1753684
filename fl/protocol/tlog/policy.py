"""Whose signatures make a checkpoint count: the logs, the witnesses, and how many of them.

Invariant: a policy that parses has exactly one quorum, and no key twice.

Source: C2SP tlog-policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from fl.protocol.errors import ProofMalformed
from fl.protocol.tlog.notes import COSIGNATURE, ED25519, VerifierKey, number, parse_key

NONE = "none"
"""The quorum that needs no witness; no witness or group may have this name."""
POLICY_CAP = 128 * 1024
"""The most bytes of a policy."""
MOST_LINES = 2_000
_ALL, _ANY = "all", "any"
_WHAT = "policy"


@dataclass(frozen=True)
class Group:
    """At least `needed` of `members`, which are names of witnesses and of earlier groups."""

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """The keys of logs and witnesses that count, and the quorum."""

    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, VerifierKey]
    """By the policy's own name for it."""
    groups: Mapping[str, Group]
    """In order: a group names only witnesses and groups before it."""
    quorum: str
    """The name of a witness or group, or NONE."""

    def met_by(self, cosigned: AbstractSet[str]) -> bool:
        """Return whether the quorum holds if exactly the witnesses of these names cosigned."""
        if self.quorum == NONE:
            return True
        holds = {name: name in cosigned for name in self.witnesses}
        for name, group in self.groups.items():
            holds[name] = sum(holds[member] for member in group.members) >= group.needed
        return holds[self.quorum]

    def smallest_of(self, cosigned: Sequence[str]) -> list[str]:
        """Return witnesses of `cosigned` that meet the quorum and of which none can be left out; all if it fails."""
        kept = list(cosigned)
        for name in reversed(cosigned):
            fewer = [each for each in kept if each != name]
            if self.met_by(set(fewer)):
                kept = fewer
        return kept

    def text(self, comments: Mapping[str, str] | None = None) -> str:
        """Return the policy file; `comments` gives a line of words for people before a witness of that name."""
        words = comments or {}
        lines = [f"log {key.text()}" for key in self.logs]
        for name, key in self.witnesses.items():
            lines += [f"# {words[name]}"] if name in words else []
            lines.append(f"witness {name} {key.text()}")
        for name, group in self.groups.items():
            lines.append(f"group {name} {group.needed} {' '.join(group.members)}")
        return "\n".join([*lines, f"quorum {self.quorum}", ""])


def parse_policy(text: str) -> Policy:
    """Return the policy in a file; URLs of logs and witnesses are ignored.

    Raises:
        ProofMalformed: it is too long, or not a policy.
    """
    if len(text) > POLICY_CAP or text.count("\n") > MOST_LINES:
        raise ProofMalformed(_WHAT, f"it has more than {POLICY_CAP} bytes or {MOST_LINES} lines")
    parser = _Parser()
    for line in text.split("\n"):
        words = line.replace("\t", " ").split(" ")
        parser.take([word for word in words if word])
    return parser.result()


class _Parser:
    def __init__(self) -> None:
        self._logs: list[VerifierKey] = []
        self._witnesses: dict[str, VerifierKey] = {}
        self._groups: dict[str, Group] = {}
        self._quorum: str | None = None
        self._keys: set[bytes] = set()

    def take(self, words: Sequence[str]) -> None:
        if not words or words[0].startswith("#"):
            return
        match list(words):
            case ["log", key] | ["log", key, _]:
                self._logs.append(self._key(key, ED25519))
            case ["witness", name, key] | ["witness", name, key, _]:
                self._new(name)
                self._witnesses[name] = self._key(key, COSIGNATURE)
            case ["group", name, needed, *members] if members:
                self._new(name)
                self._groups[name] = self._group(needed, members)
            case ["quorum", name] if self._quorum is None and (name == NONE or self._known(name)):
                self._quorum = name
            case _:
                raise ProofMalformed(_WHAT, f"its line with {words[0]!r} has another form, or a name unknown so far")

    def result(self) -> Policy:
        if self._quorum is None:
            raise ProofMalformed(_WHAT, "it has no quorum")
        return Policy(tuple(self._logs), self._witnesses, self._groups, self._quorum)

    def _key(self, text: str, kind: int) -> VerifierKey:
        key = parse_key(text)
        if key.type != kind:
            raise ProofMalformed(_WHAT, f"{key.name} has a key of type {key.type}, which is not supported there")
        if key.key in self._keys:
            raise ProofMalformed(_WHAT, f"the key of {key.name} is in it twice")
        self._keys.add(key.key)
        return key

    def _group(self, needed: str, members: Sequence[str]) -> Group:
        if len(set(members)) != len(members) or not all(map(self._known, members)):
            raise ProofMalformed(_WHAT, "a group names a member twice, or one that is unknown so far")
        counts = {_ALL: len(members), _ANY: 1}
        count = counts[needed] if needed in counts else number(needed, _WHAT)
        if not 1 <= count <= len(members):
            raise ProofMalformed(_WHAT, f"a group of {len(members)} cannot need {count} of them")
        return Group(count, tuple(members))

    def _new(self, name: str) -> None:
        if name == NONE or self._known(name):
            raise ProofMalformed(_WHAT, f"the name {name} is not free")

    def _known(self, name: str) -> bool:
        return name in self._witnesses or name in self._groups
