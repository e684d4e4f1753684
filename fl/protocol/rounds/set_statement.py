"""What the hospitals of a frozen set sign.

Source: PROTOCOL.md 5, phase 5.
"""

from __future__ import annotations

from fl.protocol.errors import SetMismatch
from fl.protocol.ports import SetStatement
from fl.protocol.rounds.round import Round


def set_statement(current: Round) -> SetStatement:
    """Return the statement that the hospitals of a frozen round sign."""
    if current.frozen is None:
        raise SetMismatch(current.opener)
    anchor = current.anchor
    return SetStatement(
        consortium=anchor.consortium,
        chain_id=anchor.chain_id,
        contract=anchor.contract,
        round=current.number,
        mask_context=current.mask_context,
        set_digest=current.set_digest,
        freeze_block=current.frozen.block_hash,
    )
