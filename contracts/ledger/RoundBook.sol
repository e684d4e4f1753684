// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AddressList} from "../lib/AddressList.sol";
import {IFederationLedger} from "./IFederationLedger.sol";
import {IKeyAuthority} from "../authority/IKeyAuthority.sol";
import {IMembers} from "../authority/IMembers.sol";

/// @title The stored state of rounds, and the first checks of every step.
/// @notice Who did what is one bit per hospital of the roster and phase (256 hospitals to a slot).
abstract contract RoundBook is IFederationLedger {
    using AddressList for address;
    using AddressList for bytes;

    /// @dev `marks`: for each phase, who did what it asks; once a set-up phase is closed, who goes on; FROZEN: the
    /// frozen set. Keys are made by {_key}.
    struct Round {
        RoundState state;
        mapping(uint256 key => uint256 bits) marks;
        mapping(address hospital => bytes32 digest) digests;
        mapping(address member => bool made) attestations;
    }

    uint256 internal constant MAX_ROSTER = 1024;
    uint256 private constant MAX_STEP_TIMEOUT = 30 days;

    /// @inheritdoc IFederationLedger
    IKeyAuthority public immutable override authority;

    /// @inheritdoc IFederationLedger
    address public override successor;

    /// @inheritdoc IFederationLedger
    uint64 public override lastRound;

    mapping(uint64 round => Round data) internal _rounds;

    modifier whileInForce() {
        if (successor != address(0)) revert LedgerClosed(successor);
        _;
    }

    /// @notice Begin without rounds.
    /// @param authority_ The consortium's membership and keys.
    constructor(IKeyAuthority authority_) {
        authority = authority_;
    }

    /// @dev Begins a phase.
    function _enter(Round storage data, Phase phase) internal {
        data.state.phase = phase;
        data.state.phaseSince = uint64(block.timestamp);
    }

    function _mark(Round storage data, Phase phase, uint256 index) internal {
        data.marks[_key(phase, index >> 8)] |= 1 << (index & 0xff);
    }

    /// @dev Marks under `target` those of an ascending set who are all marked under `done`.
    function _choose(Round storage data, Phase done, Phase target, address[] calldata hospitals) internal {
        uint256[MAX_ROSTER / 256] memory chosen = _subset(data, done, hospitals);
        for (uint256 word = 0; word << 8 < data.state.rosterSize; ++word) {
            data.marks[_key(target, word)] = chosen[word];
        }
    }

    /// @dev Walks the set and the roster side by side, both ascending, and returns the bits of the set, who must all be
    /// marked under `done`.
    function _subset(
        Round storage data,
        Phase done,
        address[] memory hospitals
    ) internal view returns (uint256[MAX_ROSTER / 256] memory chosen) {
        bytes memory roster = data.state.rosterList.load();
        uint256 size = roster.count();
        uint256 index = 0;
        for (uint256 i = 0; i < hospitals.length; ++i) {
            address hospital = hospitals[i];
            while (index < size && roster.accountAt(index) < hospital) ++index;
            bool listed = index < size && roster.accountAt(index) == hospital && _isMarked(data, done, index);
            if (!listed) revert SetMismatch(hospital);
            chosen[index >> 8] |= 1 << (index & 0xff);
            ++index;
        }
    }

    /// @dev How many hospitals a set has, once {_choose} took it.
    function _requireEnough(Round storage data, address[] calldata hospitals) internal view returns (uint16 count) {
        count = uint16(hospitals.length);
        uint16 required = data.state.minCommitments;
        if (count < required) revert BelowThreshold(count, required);
    }

    function _inTime(Terms calldata terms) internal pure returns (bool) {
        return terms.stepTimeout >= 1 && terms.stepTimeout <= MAX_STEP_TIMEOUT;
    }

    function _requireRole(IMembers.Role role) internal view {
        if (authority.requireSender(msg.sender) != role) revert IMembers.WrongRole(msg.sender);
    }

    /// @dev Role, opener of the last round, round: the order every step of the coordinator is checked in.
    function _requireOpener(uint64 round) internal view returns (Round storage data) {
        _requireRole(IMembers.Role.COORDINATOR);
        address opener = _rounds[lastRound].state.opener;
        if (opener != address(0) && msg.sender != opener) revert IMembers.WrongRole(msg.sender);
        return _requireRound(round);
    }

    function _requireRound(uint64 round) internal view returns (Round storage data) {
        if (round != lastRound) revert WrongRound(lastRound, round);
        return _rounds[round];
    }

    /// @dev For steps with a transaction of their own, which a wide round does not have.
    function _requirePhase(uint64 round, Round storage data, Phase phase) internal view {
        _requireEither(round, data, phase, phase);
    }

    /// @dev For steps that sealed and masked rounds share: which of the two phases the round is in.
    function _requireEither(
        uint64 round,
        Round storage data,
        Phase first,
        Phase second
    ) internal view returns (Phase phase) {
        phase = data.state.phase;
        bool right = (phase == first || phase == second) && data.state.protection != Protection.WIDE;
        if (!right) revert WrongPhase(round, uint8(phase));
    }

    /// @dev A round that was not opened here (0, or the predecessor's last) counts as ended.
    function _requireEnded(uint64 round) internal view {
        Phase phase = _rounds[round].state.phase;
        bool ended = phase == Phase.NONE || phase == Phase.FINAL || phase == Phase.ABORTED;
        if (!ended) revert RoundStillOpen(round);
    }

    /// @dev Finds who may act in a phase: the roster in OPEN and ADVERTISE; then those marked under the phase before;
    /// after the freeze, the frozen set.
    function _findActor(
        Round storage data,
        Phase phase,
        address account
    ) internal view returns (bool found, uint256 index) {
        (found, index) = data.state.rosterList.load().find(account);
        if (!found || phase == Phase.OPEN || phase == Phase.ADVERTISE) return (found, index);
        Phase gate = phase > Phase.FROZEN ? Phase.FROZEN : Phase(uint8(phase) - 1);
        return (_isMarked(data, gate, index), index);
    }

    function _isMarked(Round storage data, Phase phase, uint256 index) internal view returns (bool) {
        return (data.marks[_key(phase, index >> 8)] >> (index & 0xff)) & 1 == 1;
    }

    function _key(Phase phase, uint256 word) internal pure returns (uint256) {
        return (uint256(phase) << 8) | word;
    }
}
