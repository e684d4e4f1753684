// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembers} from "./IMembers.sol";
import {IRequests} from "./IRequests.sol";
import {ISuccession} from "./ISuccession.sol";

/// @title Members, threshold keys, requests for decryption, and the hospitals' records.
/// @notice One contract, because it is the anchor of a consortium. It has readable parts: IMembers, ISuccession,
/// ICeremonies, IRequests, and this file. Events are the ledger's records: fl/protocol/records.py has
/// one dataclass of the same name and field order per event, fl/protocol/errors one leaf per custom error. Source:
/// PROTOCOL.md 3 and 9.
interface IKeyAuthority is IMembers, ISuccession, IRequests {
    /// @notice A hospital recorded the Merkle root of the records it made since its last one.
    /// @param sender The hospital.
    /// @param batch Its number, from 1 for each hospital.
    /// @param root The root.
    event RecordsAnchored(address indexed sender, uint32 batch, bytes32 root);

    /// @notice A hospital's batches are numbered without gaps.
    /// @param expected The number expected.
    /// @param actual The number given.
    error WrongBatch(uint32 expected, uint32 actual);

    /// @notice Record the Merkle root of new records.
    /// @dev By a hospital. Reverts, in this order: UnknownSender, RevokedSender, WrongRole;
    /// WrongBatch(last + 1, batch). Emits {RecordsAnchored}.
    /// @param batch The sender's last batch plus one.
    /// @param root The root.
    function anchorRecords(uint32 batch, bytes32 root) external;

    /// @notice The version of the rules in this contract.
    /// @dev The first number is that of the protocol (BAFL/1); the second counts rules that were added to it, the third
    /// repairs.
    /// @return Three numbers with dots between.
    function version() external view returns (string memory);

    /// @notice The number of a hospital's newest batch.
    /// @param hospital The hospital.
    /// @return The number; 0 before the first.
    function lastBatch(address hospital) external view returns (uint32);
}
