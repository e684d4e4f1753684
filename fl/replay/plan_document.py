"""What a coordinator is going to ask for, as one document that a hospital can read before any round opens.

Invariant: `digest` of a configuration here is the `config_digest` of a round that has exactly this configuration.

Source: PROTOCOL.md 2 (canonical documents) and 5 (the round's configuration).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.codec import Fields, JsonValue, parse_document, sha256, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import Digest, Protection
from fl.protocol.rounds.config import RoundConfig

MOST_CONFIGS = 16
_WHAT = "plan"


@dataclass(frozen=True)
class PlanDocument:
    """The rounds of a plan: how they are protected, how many hospitals take part, and what is trained or summed."""

    protection: Protection
    hospitals: int
    """The fewest in a roster."""
    rounds: int
    parameters: tuple[int, ...]
    """Numbers in an update, for each of `configs`."""
    configs: tuple[RoundConfig, ...]

    @property
    def digests(self) -> tuple[Digest, ...]:
        """Return the digest of each configuration."""
        return tuple(sha256(config.to_bytes()) for config in self.configs)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the document."""
        return {
            "configs": [_plain(config) for config in self.configs],
            "hospitals": self.hospitals,
            "parameters": list(self.parameters),
            "protection": self.protection.name.lower(),
            "rounds": self.rounds,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, JsonValue]) -> PlanDocument:
        """Parse what `to_dict` made, or raise EncodingError."""
        fields = Fields(raw, _WHAT)
        configs, sizes = raw.get("configs"), raw.get("parameters")
        if not isinstance(configs, list) or not isinstance(sizes, list) or not 0 < len(configs) <= MOST_CONFIGS:
            raise EncodingError(_WHAT, f"it does not have 1 to {MOST_CONFIGS} configurations")
        numbers = [each for each in sizes if isinstance(each, int) and not isinstance(each, bool)]
        parsed = [RoundConfig.from_bytes(write_document(each)) for each in configs if isinstance(each, dict)]
        if not len(sizes) == len(numbers) == len(parsed) == len(configs):
            raise EncodingError(_WHAT, "a configuration or a number of parameters is missing")
        try:
            protection = Protection[fields.text("protection").upper()]
        except KeyError as error:
            raise EncodingError(_WHAT, "its protection is unknown") from error
        return cls(protection, fields.integer("hospitals"), fields.integer("rounds"), tuple(numbers), tuple(parsed))


def _plain(config: RoundConfig) -> JsonValue:
    return parse_document(config.to_bytes(), _WHAT)
