// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {PlainText} from "../lib/PlainText.sol";

/// @title The checks of a member's name and key.
/// @notice A separate contract without state; the key authority's constructor creates it. The curve's arithmetic is a
/// seventh of all the code, and would bring the authority near the size limit of a contract (EIP-170).
contract MemberChecks {
    using PlainText for bytes;

    uint256 private constant PUBLIC_KEY_BYTES = 65;
    uint256 private constant PROOF_BYTES = 64;
    uint256 private constant MAX_NAME_BYTES = 64;

    /// @notice Whether a key is well formed, and its proof of possession is valid for the calling authority.
    /// @dev P256.verify refuses points off the curve and high s (a second valid proof for the same key).
    /// @param consortium The authority's 32 random bytes.
    /// @param account The member.
    /// @param epoch The epoch of the key.
    /// @param publicKey 0x04 ‖ X ‖ Y, 65 bytes.
    /// @param proof r ‖ s, 64 bytes, low s.
    /// @return False for a key or a proof of another form too.
    function isPossessed(
        bytes32 consortium,
        address account,
        uint32 epoch,
        bytes calldata publicKey,
        bytes calldata proof
    ) external view returns (bool) {
        bool wellFormed = publicKey.length == PUBLIC_KEY_BYTES &&
            proof.length == PROOF_BYTES &&
            publicKey[0] == 0x04;
        if (!wellFormed) return false;
        bytes32 digest = sha256(
            abi.encodePacked(
                "BAFL/1/pop",
                consortium,
                uint64(block.chainid),
                msg.sender,
                account,
                epoch,
                publicKey
            )
        );
        return
            P256.verify(
                digest,
                bytes32(proof[:32]),
                bytes32(proof[32:]),
                bytes32(publicKey[1:33]),
                bytes32(publicKey[33:])
            );
    }

    /// @notice Whether a name has 1 to 64 bytes of well-formed UTF-8 without control characters.
    /// @param memberName The name.
    /// @return Whether it has.
    function isName(bytes calldata memberName) external pure returns (bool) {
        return memberName.isPlainText(MAX_NAME_BYTES);
    }
}
