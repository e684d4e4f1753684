// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederationLedger} from "./IFederationLedger.sol";
import {MaskedRounds} from "./MaskedRounds.sol";

/// @title Rounds of many hospitals: the coordinator records each phase's steps in one batch.
/// @notice The cost of a round does not grow with its hospitals: a batch is a file in the vault, and its root, digest
/// and count are here. Readers check every signature in it (fl/replay/batches). Source: PROTOCOL.md 5W.2.
abstract contract WideRounds is MaskedRounds {
    uint256 internal constant MIN_MASKED = 3;
    uint256 private constant MAX_WIDE_ROSTER = 16_384;

    /// @inheritdoc IFederationLedger
    function openWideRound(
        uint64 round,
        Terms calldata terms,
        uint16 degree,
        uint16 replayers,
        uint16 rosterSize,
        bytes32 previousModel,
        bytes32 fileDigest
    ) external override whileInForce {
        _requireNext(round, previousModel);
        bool coherent = _fits(terms, rosterSize) &&
            terms.protection == Protection.WIDE &&
            _fitsGraph(terms, degree, rosterSize) &&
            replayers <= rosterSize;
        if (!coherent) revert TermsInvalid();
        _begin(round, terms, rosterSize, address(0));
        emit WideRoundOpened(msg.sender, round, terms, degree, replayers, rosterSize, previousModel, fileDigest);
    }

    /// @inheritdoc IFederationLedger
    function anchorSteps(
        uint64 round,
        uint8 phase,
        uint16 count,
        uint16 going,
        bytes32 root,
        bytes32 fileDigest
    ) external override whileInForce {
        Round storage data = _requireWide(round, phase);
        RoundState storage state = data.state;
        Phase current = state.phase;
        if (current > Phase.AGREE) revert WrongPhase(round, phase);
        _requireAtMost(count, state.going);
        _requireAtMost(going, count);
        if (current != Phase.AGREE && count < state.going) {
            bool committing = current == Phase.MASK;
            uint64 deadline = committing ? state.commitDeadline : state.phaseSince + state.stepTimeout;
            if (block.timestamp <= deadline) revert DeadlineNotPassed(deadline);
        }
        if (going < state.minCommitments) revert BelowThreshold(going, state.minCommitments);
        if (current == Phase.MASK) state.frozen = going;
        if (current != Phase.AGREE) state.going = going;
        else state.endorsed = count;
        _enter(data, current == Phase.MASK ? Phase.AGREE : Phase(phase + 1));
        emit StepsAnchored(msg.sender, round, phase, count, going, root, fileDigest);
    }

    /// @inheritdoc IFederationLedger
    function proposeWide(
        uint64 round,
        uint16 count,
        bytes32 root,
        bytes32 fileDigest,
        bytes32 modelDigest,
        bytes32 envelopeDigest
    ) external override whileInForce {
        Round storage data = _requireWide(round, uint8(Phase.UNMASK));
        RoundState storage state = data.state;
        _requireAtMost(count, state.frozen);
        if (count < state.threshold) revert TooFewReveals(count, state.threshold);
        state.revealed = count;
        _enter(data, Phase.PROPOSED);
        state.proposedModel = modelDigest;
        emit WideProposed(msg.sender, round, count, root, fileDigest, modelDigest, envelopeDigest);
    }

    /// @inheritdoc IFederationLedger
    function finaliseWide(uint64 round, uint16 count, bytes32 root, bytes32 fileDigest) external override whileInForce {
        Round storage data = _requireWide(round, uint8(Phase.PROPOSED));
        RoundState storage state = data.state;
        if (count < state.attestations) revert TooFewAttestations(count, state.attestations);
        state.attested = count;
        _enter(data, Phase.FINAL);
        bytes32 model = state.proposedModel;
        _accept(model);
        emit WideFinalised(msg.sender, round, count, root, fileDigest, model);
    }

    /// @dev Makes a model the global one.
    function _accept(bytes32 model) internal virtual;

    /// @dev What every opening of a round demands of its place in the ledger.
    function _requireNext(uint64 round, bytes32 previousModel) internal view virtual;

    /// @dev Whether terms fit any round of so many hospitals.
    function _fits(Terms calldata terms, uint256 count) internal view virtual returns (bool);

    /// @dev The state of a round that begins.
    function _begin(uint64 round, Terms calldata terms, uint16 size, address rosterList) internal virtual;

    /// @dev Its opener's wide round, in a phase; a round of another kind has none of these steps.
    function _requireWide(uint64 round, uint8 phase) private view returns (Round storage data) {
        data = _requireOpener(round);
        uint8 current = uint8(data.state.phase);
        bool right = data.state.protection == Protection.WIDE && current == phase;
        if (!right) revert WrongPhase(round, current);
    }

    function _requireAtMost(uint16 actual, uint16 most) private pure {
        if (actual > most) revert BatchTooLarge(actual, most);
    }

    /// @dev So many hold shares of one secret that two sets of one roster cannot both get enough.
    function _fitsGraph(Terms calldata terms, uint256 degree, uint256 count) private pure returns (bool) {
        uint256 holders = degree + 1 < count ? degree + 1 : count;
        uint256 threshold = terms.threshold;
        return
            holders >= MIN_MASKED &&
            count <= MAX_WIDE_ROSTER &&
            (degree % 2 == 0 || degree + 1 >= count) &&
            holders < 2 * threshold &&
            threshold <= holders &&
            count < 2 * uint256(terms.minCommitments) &&
            _inTime(terms);
    }
}
