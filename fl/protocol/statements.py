"""Who may state what beside the rounds.

Source: PROTOCOL.md 5 (Statements); contracts/ledger/FederationLedger.sol (makeStatement).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fl.protocol.names import Role, StatementKind

MAY_STATE: Mapping[StatementKind, tuple[Role, ...]] = MappingProxyType(
    {
        StatementKind.NONE: (),
        StatementKind.POLICY: (Role.HOSPITAL,),
        StatementKind.DECLINE: (Role.HOSPITAL,),
        StatementKind.RETENTION: (Role.COORDINATOR, Role.AUDITOR),
        StatementKind.OMITTED: (Role.HOSPITAL,),
        StatementKind.OPENED: (Role.HOSPITAL,),
        StatementKind.CHECKED: (Role.AUDITOR,),
        StatementKind.WITHDRAWAL: (Role.OPERATOR, Role.HOSPITAL),
        StatementKind.LONG_KEY: tuple(Role),
        StatementKind.WITNESS: tuple(Role),
        StatementKind.LOG: tuple(Role),
    }
)
"""Who may make which statement."""
