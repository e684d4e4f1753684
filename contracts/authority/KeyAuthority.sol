// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IKeyAuthority} from "./IKeyAuthority.sol";
import {Members} from "./Members.sol";
import {Requests} from "./Requests.sol";

/// @title The anchor of one consortium: its members, the holders of its threshold keys, its records.
/// @notice The same rules are pure functions in fl/protocol (keys, ceremony_rules, requests, threshold);
/// tests/vectors/authority.json binds the two.
contract KeyAuthority is Requests, IKeyAuthority {
    /// @inheritdoc IKeyAuthority
    string public constant override version = "1.1.0"; // solhint-disable-line const-name-snakecase

    /// @inheritdoc IKeyAuthority
    mapping(address hospital => uint32 batch) public override lastBatch;

    /// @notice Found a consortium; the creator is its operator.
    /// @param consortium_ 32 random bytes.
    constructor(bytes32 consortium_) Members(consortium_) {}

    /// @inheritdoc IKeyAuthority
    function anchorRecords(uint32 batch, bytes32 root) external override {
        if (requireSender(msg.sender) != Role.HOSPITAL) revert WrongRole(msg.sender);
        uint32 expected = lastBatch[msg.sender] + 1;
        if (batch != expected) revert WrongBatch(expected, batch);
        lastBatch[msg.sender] = batch;
        emit RecordsAnchored(msg.sender, batch, root);
    }
}
