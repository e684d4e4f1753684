// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Complaints} from "../lib/Complaints.sol";
import {IFederationLedger} from "./IFederationLedger.sol";
import {IMembers} from "../authority/IMembers.sol";
import {RoundBook} from "./RoundBook.sol";

/// @title The steps that only masked rounds have: set up keys, agree on one set, reveal shares.
/// @notice The same steps are in fl/protocol/rounds/masked.py. Source: PROTOCOL.md 5, phases 1, 2, 2b, 5 and 6.
abstract contract MaskedRounds is RoundBook {
    using Complaints for bytes;

    uint256 private constant POINT_BYTES = 33;
    uint256 private constant SIGNATURE_BYTES = 65;

    /// @inheritdoc IFederationLedger
    function advertiseKeys(
        uint64 round,
        bytes calldata maskKey,
        bytes calldata transportKey
    ) external override whileInForce {
        _stepOnce(round, Phase.ADVERTISE);
        _requireLength(maskKey, POINT_BYTES);
        _requireLength(transportKey, POINT_BYTES);
        emit KeysAdvertised(msg.sender, round, maskKey, transportKey);
    }

    /// @inheritdoc IFederationLedger
    function dealShares(
        uint64 round,
        bytes calldata maskCommitments,
        bytes calldata selfCommitments,
        bytes32 bundleDigest
    ) external override whileInForce {
        uint256 vector = POINT_BYTES * _stepOnce(round, Phase.SHARE).state.threshold;
        _requireLength(maskCommitments, vector);
        _requireLength(selfCommitments, vector);
        emit SharesDealt(msg.sender, round, maskCommitments, selfCommitments, bundleDigest);
    }

    /// @inheritdoc IFederationLedger
    function checkShares(uint64 round, bytes calldata complaints) external override whileInForce {
        _subset(_stepOnce(round, Phase.COMPLAIN), Phase.SHARE, complaints.accused());
        emit SharesChecked(msg.sender, round, complaints);
    }

    /// @inheritdoc IFederationLedger
    function closePhase(uint64 round, uint8 phase, address[] calldata hospitals) external override whileInForce {
        Round storage data = _requireOpener(round);
        Phase current = data.state.phase;
        bool closable = current >= Phase.ADVERTISE && current <= Phase.COMPLAIN && phase == uint8(current);
        closable = closable && data.state.protection != Protection.WIDE;
        if (!closable) revert WrongPhase(round, uint8(current));
        uint64 deadline = _stepDeadline(data);
        bool complete = data.state.stepped == data.state.going;
        if (!complete && block.timestamp <= deadline) revert DeadlineNotPassed(deadline);
        _choose(data, current, current, hospitals);
        data.state.going = _requireEnough(data, hospitals);
        data.state.stepped = 0;
        _enter(data, Phase(phase + 1));
        emit PhaseClosed(msg.sender, round, phase, hospitals);
    }

    /// @inheritdoc IFederationLedger
    function endorseSet(
        uint64 round,
        bytes32 setDigest,
        bytes calldata signature
    ) external override whileInForce {
        _requireRole(IMembers.Role.HOSPITAL);
        Round storage data = _requireRound(round);
        Phase phase = _requireEither(round, data, Phase.AGREE, Phase.UNMASK);
        uint256 index = _requireFrozen(data, setDigest);
        if (_isMarked(data, Phase.AGREE, index)) revert DuplicateStep(msg.sender);
        _requireLength(signature, SIGNATURE_BYTES);
        _mark(data, Phase.AGREE, index);
        uint16 endorsed = ++data.state.endorsed;
        if (phase == Phase.AGREE && endorsed >= data.state.threshold) _enter(data, Phase.UNMASK);
        emit SetEndorsed(msg.sender, round, setDigest, signature);
    }

    /// @inheritdoc IFederationLedger
    function revealShares(uint64 round, bytes32 setDigest, bytes32 digest) external override whileInForce {
        _requireRole(IMembers.Role.HOSPITAL);
        Round storage data = _requireRound(round);
        _requirePhase(round, data, Phase.UNMASK);
        uint256 index = _requireFrozen(data, setDigest);
        if (_isMarked(data, Phase.UNMASK, index)) revert RevealConflict(msg.sender);
        _mark(data, Phase.UNMASK, index);
        ++data.state.revealed;
        emit SharesRevealed(msg.sender, round, setDigest, digest);
    }

    /// @dev Takes the sender's one step of a set-up phase; the caller checks what the step brought.
    function _stepOnce(uint64 round, Phase phase) private returns (Round storage data) {
        _requireRole(IMembers.Role.HOSPITAL);
        data = _requireRound(round);
        _requirePhase(round, data, phase);
        uint256 index = _requireActor(data, phase);
        if (_isMarked(data, phase, index)) revert DuplicateStep(msg.sender);
        _mark(data, phase, index);
        ++data.state.stepped;
    }

    function _requireFrozen(Round storage data, bytes32 setDigest) private view returns (uint256 index) {
        index = _requireActor(data, data.state.phase);
        bytes32 frozen = data.state.setDigest;
        if (setDigest != frozen) revert EquivocationDetected(frozen, setDigest);
    }

    function _requireActor(Round storage data, Phase phase) private view returns (uint256 index) {
        bool found;
        (found, index) = _findActor(data, phase, msg.sender);
        if (!found) revert NotInSet(msg.sender);
        uint64 deadline = _stepDeadline(data);
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
    }

    /// @dev Cannot overflow: {openRound} bounds the timeout.
    function _stepDeadline(Round storage data) private view returns (uint64) {
        return data.state.phaseSince + data.state.stepTimeout;
    }

    function _requireLength(bytes calldata field, uint256 expected) private pure {
        if (field.length != expected) revert LengthInvalid(expected, field.length);
    }
}
