"""What an auditor states about the updates of a checked round: a document with one form, and its words.

Invariant: two equal verdicts have the same bytes.

Source: PROTOCOL.md 5C (Verdict).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import (
    ClaimOutOfBounds,
    EncodingError,
    SketchDisputed,
    SketchFalse,
    SketchInvalid,
    SketchMissing,
    UpdateAgainstOthers,
    UpdateTooLong,
)
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address, Digest, address, digest, parse_hex, show
from fl.training.aggregation.directions import PARTS

_WHAT = "statement about updates"
FAULTS = {
    SketchMissing.__name__: "the auditor cannot open its sketches",
    SketchInvalid.__name__: "its sketches are not those that it promised",
    SketchFalse.__name__: "it promised a false sketch of a mask",
    SketchDisputed.__name__: "it and another hospital say different things about their mask",
    ClaimOutOfBounds.__name__: "it claims numbers that no honest hospital has",
    UpdateTooLong.__name__: "its update is longer than that of any honest hospital",
    UpdateAgainstOthers.__name__: "over several rounds its updates pointed against those of all others",
}
"""The faults of a verdict, for people."""
TEXT_CAP = 200
"""Characters of the names in a statement."""


@dataclass(frozen=True)
class Verdict:
    """One auditor's judgement of the updates of a round."""

    auditor: Address
    round: int
    set_digest: Digest
    named: Mapping[Address, str] = field(default_factory=dict)
    """Hospital -> the name of the error in what it sent."""
    unclear: Mapping[Address, str] = field(default_factory=dict)
    """Hospital -> the name of an error that it or somebody else made."""
    absent: tuple[Address, ...] = ()
    """Whose answer or sketches were not there, ascending."""
    lifted: tuple[Address, ...] = ()
    """Whom the auditor does not name any more although the files are the same: a person decided so; ascending."""
    usual: float = 0.0
    """Lower median of the lengths per weight, in units of weights, rounded up to 6 binary digits; 0 if unknown."""
    times: Mapping[Address, float] = field(default_factory=dict)
    """Hospital -> how many times its update is longer than an honest one can look."""
    directions: Mapping[Address, int] = field(default_factory=dict)
    """Hospital -> cosine of its update with the sum of the others', in 1024ths; empty if directions do not count."""

    @property
    def clean(self) -> bool:
        return not self.named and not self.unclear

    @property
    def disputed(self) -> bool:
        """Return whether an opening could still settle something."""
        return SketchDisputed.__name__ in self.unclear.values()

    def to_bytes(self) -> bytes:
        directions: JsonValue = {show(who): cosine for who, cosine in self.directions.items()}
        return write_document(
            {
                **({"directions": directions} if directions else {}),
                "absent": [show(each) for each in self.absent],
                "auditor": show(self.auditor),
                "lifted": [show(each) for each in self.lifted],
                "named": {show(who): name for who, name in self.named.items()},
                "round": self.round,
                "set": show(self.set_digest),
                "times": {show(who): times for who, times in self.times.items()},
                "unclear": {show(who): name for who, name in self.unclear.items()},
                "usual": self.usual,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Verdict:
        """Parse a canonical document, or raise EncodingError."""
        fields = Fields(parse_document(data, _WHAT), _WHAT)
        some = ["directions"] if "directions" in fields.value else []
        fields.only("absent", "auditor", "lifted", "named", "round", "set", "times", "unclear", "usual", *some)
        times = Fields(fields.mapping("times"), _WHAT)
        cosines = Fields(fields.mapping("directions") if some else {}, _WHAT)
        return cls(
            _account(fields.text("auditor")),
            fields.integer("round"),
            digest(parse_hex(fields.text("set"), 32, _WHAT)),
            _faults(fields.mapping("named")),
            _faults(fields.mapping("unclear")),
            _accounts(fields.value.get("absent")),
            _accounts(fields.value.get("lifted")),
            fields.number("usual"),
            {_account(who): times.number(who) for who in times.value},
            {_account(who): _cosine(cosines.integer(who)) for who in cosines.value},
        )

    def sentence(self, book: KeyBook) -> str:
        """Return who is named and who is not to blame for sure, for people; empty if everything is in order."""
        parts = [f"{book.name_of(who)}: {self._fault(who, name)}" for who, name in self.named.items()]
        parts += [f"unclear, {book.name_of(who)}: {self._fault(who, name)}" for who, name in self.unclear.items()]
        return "; ".join(parts)

    def _fault(self, who: Address, name: str) -> str:
        times = f", {self.times[who]:.3g} times what may be" if who in self.times else ""
        return f"{FAULTS.get(name, name)}{times}"


def lifted(verdict: Verdict, hospital: Address) -> Verdict:
    """Return the verdict that names a hospital no more, because a person looked into it."""
    named = {who: name for who, name in verdict.named.items() if who != hospital}
    return replace(verdict, named=named, lifted=tuple(sorted({*verdict.lifted, hospital})))


def _cosine(parts: int) -> int:
    if not -PARTS <= parts <= PARTS:
        raise EncodingError(_WHAT, f"a direction is not in -{PARTS}..{PARTS}")
    return parts


def _account(text: str) -> Address:
    return address(parse_hex(text, 20, _WHAT))


def _accounts(value: JsonValue) -> tuple[Address, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise EncodingError(_WHAT, "a list of accounts is missing")
    found = tuple(_account(str(each)) for each in value)
    if list(found) != sorted(set(found)):
        raise EncodingError(_WHAT, "accounts do not ascend")
    return found


def _faults(value: Mapping[str, JsonValue]) -> dict[Address, str]:
    if not all(isinstance(name, str) and name.isidentifier() and len(name) <= TEXT_CAP for name in value.values()):
        raise EncodingError(_WHAT, "a fault is not the name of an error")
    return {_account(who): str(name) for who, name in value.items()}


def differences(stated: Verdict, found: Verdict) -> str:
    """Return in what a statement differs from the files, with what its auditor alone can know taken as it says."""
    named = {who: name for who, name in found.named.items() if who not in stated.lifted}
    if dict(stated.named) != named:
        return "it names others"
    if dict(stated.unclear) != dict(found.unclear):
        return "other hospitals are unclear"
    if dict(stated.directions) != dict(found.directions):
        return "the directions are others"
    return "" if stated.usual == found.usual else "the usual length is another one"
