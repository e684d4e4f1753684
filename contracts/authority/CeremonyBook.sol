// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AddressList} from "../lib/AddressList.sol";
import {ICeremonies} from "./ICeremonies.sol";
import {Succession} from "./Succession.sol";

/// @title The stored state of ceremonies, and the first checks of every step.
/// @notice Who did what is one bit per dealer or receiver of the phase at hand: there are at most 32 of each.
abstract contract CeremonyBook is Succession, ICeremonies {
    using AddressList for address;
    using AddressList for bytes;

    struct Ceremony {
        CeremonyState state;
        mapping(address dealer => bytes32 digest) digests;
        mapping(bytes32 outcome => uint16 confirmations) tallies;
    }

    /// @inheritdoc ICeremonies
    mapping(uint8 keyUse => uint32 ceremony) public override lastCeremony;

    /// @inheritdoc ICeremonies
    mapping(uint8 keyUse => uint32 ceremony) public override committeeInForce;

    /// @inheritdoc ICeremonies
    mapping(uint8 keyUse => mapping(uint32 generation => uint32 ceremony)) public override committeeOf;

    mapping(uint8 keyUse => mapping(uint32 ceremony => Ceremony data)) internal _ceremonies;

    /// @inheritdoc ICeremonies
    function ceremonyState(
        uint8 keyUse,
        uint32 ceremony
    ) external view override returns (CeremonyState memory) {
        return _ceremonies[keyUse][ceremony].state;
    }

    /// @dev Begins a phase, in which nobody acted yet.
    function _enter(CeremonyState storage state, CeremonyPhase phase) internal {
        state.phase = phase;
        state.phaseSince = uint64(block.timestamp);
        state.acted = 0;
    }

    /// @dev Takes the sender's one step of a phase of dealers (COMMIT, DEAL) or receivers (CHECK).
    function _stepOnce(uint8 keyUse, uint32 ceremony, CeremonyPhase phase) internal returns (Ceremony storage data) {
        data = _requireCeremony(keyUse, ceremony);
        CeremonyState storage state = data.state;
        if (state.phase != phase) revert WrongPhase(ceremony, uint8(state.phase));
        bool receives = phase == CeremonyPhase.CHECK;
        uint32 bit = _requireListed(receives ? state.receiverList : state.dealerList);
        if (!receives && state.going & bit == 0) revert NotInCommittee(msg.sender);
        _requireInTime(state);
        _markOnce(state, bit);
    }

    function _markOnce(CeremonyState storage state, uint32 bit) internal {
        if (state.acted & bit != 0) revert DuplicateStep(msg.sender);
        state.acted |= bit;
    }

    /// @dev Every step first checks the sender, then the ceremony.
    function _requireCeremony(uint8 keyUse, uint32 ceremony) internal view returns (Ceremony storage data) {
        requireSender(msg.sender);
        uint32 last = lastCeremony[keyUse];
        if (ceremony != last) revert WrongCeremony(last, ceremony);
        return _ceremonies[keyUse][ceremony];
    }

    /// @dev Those who may close a phase or abort: the operator, the dealers, the receivers.
    function _requireParticipant(CeremonyState storage state) internal view {
        if (msg.sender == operator) return;
        (bool deals, ) = _find(state.dealerList, msg.sender);
        (bool receives, ) = _find(state.receiverList, msg.sender);
        if (!deals && !receives) revert NotInCommittee(msg.sender);
    }

    function _requireListed(address list) internal view returns (uint32 bit) {
        (bool found, uint256 index) = _find(list, msg.sender);
        if (!found) revert NotInCommittee(msg.sender);
        return uint32(1 << index);
    }

    function _requireInTime(CeremonyState storage state) internal view {
        uint64 deadline = _deadline(state);
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
    }

    function _requireLate(CeremonyState storage state) internal view {
        uint64 deadline = _deadline(state);
        if (block.timestamp <= deadline) revert DeadlineNotPassed(deadline);
    }

    function _find(address list, address account) internal view returns (bool found, uint256 index) {
        return list.load().find(account);
    }

    /// @dev Cannot overflow: {startCeremony} bounds the timeout.
    function _deadline(CeremonyState storage state) internal view returns (uint64) {
        return state.phaseSince + state.stepTimeout;
    }

    function _requireLength(bytes calldata field, uint256 expected) internal pure {
        if (field.length != expected) revert LengthInvalid(expected, field.length);
    }
}
