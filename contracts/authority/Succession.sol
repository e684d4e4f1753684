// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISuccession} from "./ISuccession.sol";
import {Members} from "./Members.sol";

/// @title The rules by which another account becomes the operator.
/// @notice The same rules are pure functions in fl/protocol/keys/succession.py.
abstract contract Succession is Members, ISuccession {
    struct Replacement {
        address candidate;
        uint64 since;
    }

    /// @inheritdoc ISuccession
    uint64 public constant override vetoTime = 7 days; // solhint-disable-line const-name-snakecase

    /// @inheritdoc ISuccession
    address public override proposedOperator;

    /// @inheritdoc ISuccession
    uint32 public override lastReplacement;

    /// @inheritdoc ISuccession
    uint32 public override closedReplacements;

    mapping(uint32 replacement => Replacement state) private _replacements;

    /// @inheritdoc ISuccession
    function proposeOperator(address account) external override {
        _requireOperator();
        _requireNew(account);
        proposedOperator = account;
        emit OperatorProposed(msg.sender, account);
    }

    /// @inheritdoc ISuccession
    function proposeReplacement(uint32 replacement, address candidate) external override {
        if (requireSender(msg.sender) == Role.OPERATOR) revert WrongRole(msg.sender);
        uint32 expected = lastReplacement + 1;
        if (replacement != expected) revert WrongReplacement(expected, replacement);
        if (candidate == address(0)) revert MemberExists(candidate);
        _requireNew(candidate);
        lastReplacement = replacement;
        _replacements[replacement].candidate = candidate;
        emit ReplacementProposed(msg.sender, replacement, candidate);
    }

    /// @inheritdoc ISuccession
    function voteReplacement(uint32 replacement) external override {
        if (!_isVoter(requireSender(msg.sender))) revert WrongRole(msg.sender);
        Replacement storage state = _requireOpen(replacement);
        bool before = _isMajority(replacement);
        if (!_moveVote(msg.sender, replacement)) revert DuplicateStep(msg.sender);
        if (!before && _isMajority(replacement)) state.since = uint64(block.timestamp);
        emit ReplacementVoted(msg.sender, replacement);
    }

    /// @inheritdoc ISuccession
    function vetoReplacement(uint32 replacement) external override {
        _requireOperator();
        _requireOpen(replacement).candidate = address(0);
        emit ReplacementVetoed(msg.sender, replacement);
    }

    /// @inheritdoc ISuccession
    function takeOffice(uint32 replacement) external override {
        _requireNew(msg.sender);
        _requirePlain(msg.sender);
        if (replacement == 0) {
            if (msg.sender != proposedOperator) revert NotProposed(msg.sender);
        } else {
            _requireElected(replacement);
        }
        proposedOperator = address(0);
        closedReplacements = lastReplacement;
        emit OperatorChanged(msg.sender, replacement, operator);
        _appoint(msg.sender);
    }

    /// @inheritdoc ISuccession
    function replacementState(
        uint32 replacement
    ) external view override returns (address candidate, uint32 votes, uint64 since) {
        Replacement memory state = _replacements[replacement];
        return (state.candidate, _votes[replacement], state.since);
    }

    function _requireElected(uint32 replacement) private view {
        Replacement storage state = _requireOpen(replacement);
        if (msg.sender != state.candidate) revert NotProposed(msg.sender);
        if (!_isMajority(replacement)) revert NoMajority(_votes[replacement], electorate);
        // A revocation can make a majority too, without a vote.
        uint64 since = state.since > lastRevocation ? state.since : lastRevocation;
        uint64 deadline = since + vetoTime;
        if (block.timestamp <= deadline) revert DeadlineNotPassed(deadline);
    }

    function _requireOpen(uint32 replacement) private view returns (Replacement storage state) {
        uint32 last = lastReplacement;
        if (replacement == 0 || replacement > last) revert WrongReplacement(last, replacement);
        state = _replacements[replacement];
        bool open = replacement > closedReplacements && state.candidate != address(0);
        if (!open) revert ReplacementClosed(replacement);
    }

    function _isMajority(uint32 replacement) private view returns (bool) {
        return 2 * uint256(_votes[replacement]) > electorate;
    }
}
