// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AddressList} from "./AddressList.sol";
import {IFederationLedger} from "./IFederationLedger.sol";
import {IKeyAuthority} from "./IKeyAuthority.sol";

/// @title The rules of a federation's rounds on the chain.
/// @notice The same rules are a pure function in fl/protocol/round.py; tests/vectors/rounds.json binds the two.
contract FederationLedger is IFederationLedger {
    using AddressList for address;
    using AddressList for bytes;

    /// @dev The roster and the frozen set are stored lists (AddressList); the state fills four slots.
    struct Round {
        RoundState state;
        address roster;
        address frozenSet;
        mapping(uint256 word => uint256 bits) committed;
        mapping(address hospital => bytes32 digest) digests;
        mapping(address auditor => bool made) attestations;
    }

    uint256 private constant MAX_ROSTER = 1024;
    uint256 private constant ENTRY_BYTES = 52;

    /// @inheritdoc IFederationLedger
    IKeyAuthority public immutable override authority;

    /// @inheritdoc IFederationLedger
    IFederationLedger public immutable override predecessor;

    bytes32 private immutable _consortium;

    /// @inheritdoc IFederationLedger
    address public override successor;

    /// @inheritdoc IFederationLedger
    uint64 public override lastRound;

    /// @inheritdoc IFederationLedger
    bool public override opened;

    /// @inheritdoc IFederationLedger
    bytes32 public override currentModel;

    /// @inheritdoc IFederationLedger
    bytes32 public override manifest;

    mapping(uint64 round => Round data) private _rounds;

    modifier whileInForce() {
        if (successor != address(0)) revert LedgerClosed(successor);
        _;
    }

    /// @notice Begin a ledger; the coordinator opens it with {openFederation}.
    /// @dev Reverts with PredecessorMismatch when the predecessor belongs to another authority.
    /// @param authority_ The consortium's membership and keys.
    /// @param predecessor_ The ledger this one succeeds, of the same authority; or zero.
    constructor(IKeyAuthority authority_, IFederationLedger predecessor_) {
        bool first = address(predecessor_) == address(0);
        if (!first && address(predecessor_.authority()) != address(authority_)) revert PredecessorMismatch();
        authority = authority_;
        predecessor = predecessor_;
        _consortium = authority_.consortium();
    }

    /// @inheritdoc IFederationLedger
    function openFederation(
        uint64 lastRound_,
        bytes32 modelDigest,
        bytes32 envelopeDigest,
        bytes32 manifestDigest
    ) external override whileInForce {
        _requireRole(IKeyAuthority.Role.COORDINATOR);
        if (opened) revert FederationAlreadyOpened();
        if (address(predecessor) == address(0)) {
            if (lastRound_ != 0) revert PredecessorMismatch();
        } else {
            bool continues = predecessor.successor() == address(this) &&
                predecessor.lastRound() == lastRound_ &&
                predecessor.currentModel() == modelDigest &&
                predecessor.manifest() == manifestDigest;
            if (!continues) revert PredecessorMismatch();
        }
        opened = true;
        lastRound = lastRound_;
        currentModel = modelDigest;
        manifest = manifestDigest;
        emit FederationOpened(
            msg.sender,
            address(predecessor),
            lastRound_,
            modelDigest,
            envelopeDigest,
            manifestDigest
        );
    }

    /// @inheritdoc IFederationLedger
    function openRound(
        uint64 round,
        Terms calldata terms,
        address[] calldata roster,
        bytes32 previousModel
    ) external override whileInForce {
        _requireRole(IKeyAuthority.Role.COORDINATOR);
        if (!opened) revert FederationNotOpened();
        _requireEnded(lastRound);
        if (round != lastRound + 1) revert WrongRound(lastRound + 1, round);
        if (previousModel != currentModel) revert ModelDigestMismatch(currentModel, previousModel);
        _requireTerms(terms, roster);
        for (uint256 i = 0; i < roster.length; ++i) _requireHospital(roster[i]);
        lastRound = round;
        Round storage data = _rounds[round];
        data.roster = AddressList.store(roster);
        data.state = RoundState({
            opener: msg.sender,
            phase: Phase.OPEN,
            commitDeadline: terms.commitDeadline,
            closeDeadline: terms.closeDeadline,
            minCommitments: terms.minCommitments,
            attestations: terms.attestations,
            rosterSize: uint16(roster.length),
            committed: 0,
            frozen: 0,
            attested: 0,
            proposedModel: 0
        });
        emit RoundOpened(msg.sender, round, terms, roster, previousModel);
    }

    /// @inheritdoc IFederationLedger
    function commitUpdate(uint64 round, bytes32 digest) external override whileInForce {
        _requireRole(IKeyAuthority.Role.HOSPITAL);
        Round storage data = _requireRound(round);
        _requirePhase(round, data, Phase.OPEN);
        (bool found, uint256 index) = data.roster.load().find(msg.sender);
        if (!found) revert NotInRoster(msg.sender);
        if (block.timestamp > data.state.commitDeadline) revert DeadlinePassed(data.state.commitDeadline);
        if (_isCommitted(data, index)) revert DuplicateCommitment(msg.sender);
        data.committed[index >> 8] |= 1 << (index & 0xff);
        data.digests[msg.sender] = digest;
        ++data.state.committed;
        emit UpdateCommitted(msg.sender, round, digest);
    }

    /// @inheritdoc IFederationLedger
    function freezeRound(uint64 round, address[] calldata hospitals) external override whileInForce {
        Round storage data = _requireOpener(round, Phase.OPEN);
        RoundState memory state = data.state;
        if (block.timestamp <= state.commitDeadline && state.committed < state.rosterSize) {
            revert DeadlineNotPassed(state.commitDeadline);
        }
        bytes memory entries = _collect(data, hospitals);
        uint16 count = uint16(hospitals.length);
        if (count < state.minCommitments) revert BelowThreshold(count, state.minCommitments);
        data.frozenSet = count == state.rosterSize ? data.roster : AddressList.store(hospitals);
        data.state.phase = Phase.FROZEN;
        data.state.frozen = count;
        bytes32 setDigest = sha256(
            abi.encodePacked(
                "BAFL/1/set3",
                _consortium,
                uint64(block.chainid),
                address(this),
                round,
                count,
                entries
            )
        );
        emit RoundFrozen(msg.sender, round, hospitals, setDigest);
    }

    /// @inheritdoc IFederationLedger
    function proposeModel(
        uint64 round,
        bytes32 modelDigest,
        bytes32 envelopeDigest
    ) external override whileInForce {
        Round storage data = _requireOpener(round, Phase.FROZEN);
        data.state.phase = Phase.PROPOSED;
        data.state.proposedModel = modelDigest;
        emit ModelProposed(msg.sender, round, modelDigest, envelopeDigest);
    }

    /// @inheritdoc IFederationLedger
    function attestModel(uint64 round, bytes32 modelDigest, bytes32 reportDigest) external override whileInForce {
        _requireRole(IKeyAuthority.Role.AUDITOR);
        Round storage data = _requireRound(round);
        _requirePhase(round, data, Phase.PROPOSED);
        bytes32 proposed = data.state.proposedModel;
        if (modelDigest != proposed) revert ModelDigestMismatch(proposed, modelDigest);
        if (data.attestations[msg.sender]) revert DuplicateAttestation(msg.sender);
        data.attestations[msg.sender] = true;
        ++data.state.attested;
        emit ModelAttested(msg.sender, round, modelDigest, reportDigest);
    }

    /// @inheritdoc IFederationLedger
    function finaliseRound(uint64 round) external override whileInForce {
        Round storage data = _requireOpener(round, Phase.PROPOSED);
        bytes memory hospitals = data.frozenSet.load();
        for (uint256 i = 0; i < hospitals.count(); ++i) {
            address hospital = hospitals.accountAt(i);
            if (authority.statusOf(hospital) != IKeyAuthority.Status.ACTIVE) revert RevokedMidRound(hospital);
        }
        RoundState memory state = data.state;
        if (state.attested < state.attestations) revert TooFewAttestations(state.attested, state.attestations);
        data.state.phase = Phase.FINAL;
        currentModel = state.proposedModel;
        emit RoundFinalised(msg.sender, round, state.proposedModel);
    }

    /// @inheritdoc IFederationLedger
    function abortRound(uint64 round, string calldata reason) external override whileInForce {
        authority.requireActive(msg.sender);
        Round storage data = _requireRound(round);
        Phase phase = data.state.phase;
        bool running = phase != Phase.NONE && phase != Phase.FINAL && phase != Phase.ABORTED;
        if (!running) revert WrongPhase(round, uint8(phase));
        uint64 deadline = data.state.closeDeadline;
        if (msg.sender != data.state.opener && block.timestamp <= deadline) revert DeadlineNotPassed(deadline);
        data.state.phase = Phase.ABORTED;
        emit RoundAborted(msg.sender, round, reason);
    }

    /// @inheritdoc IFederationLedger
    function handOver(address successor_) external override whileInForce {
        _requireRole(IKeyAuthority.Role.OPERATOR);
        if (!opened) revert FederationNotOpened();
        _requireEnded(lastRound);
        if (successor_ == address(0) || successor_ == address(this)) revert PredecessorMismatch();
        successor = successor_;
        emit LedgerHandedOver(msg.sender, successor_);
    }

    /// @inheritdoc IFederationLedger
    function roundState(uint64 round) external view override returns (RoundState memory) {
        return _rounds[round].state;
    }

    /// @inheritdoc IFederationLedger
    function rosterOf(uint64 round) external view override returns (address[] memory) {
        return _unpack(_rounds[round].roster);
    }

    /// @inheritdoc IFederationLedger
    function frozenSetOf(uint64 round) external view override returns (address[] memory) {
        return _unpack(_rounds[round].frozenSet);
    }

    /// @inheritdoc IFederationLedger
    function commitmentOf(
        uint64 round,
        address hospital
    ) external view override returns (bool made, bytes32 digest) {
        Round storage data = _rounds[round];
        if (data.roster == address(0)) return (false, 0);
        (bool found, uint256 index) = data.roster.load().find(hospital);
        return (found && _isCommitted(data, index), data.digests[hospital]);
    }

    /// @inheritdoc IFederationLedger
    function hasAttested(uint64 round, address auditor) external view override returns (bool) {
        return _rounds[round].attestations[auditor];
    }

    function _requireRole(IKeyAuthority.Role role) private view {
        if (authority.requireActive(msg.sender) != role) revert IKeyAuthority.WrongRole(msg.sender);
    }

    /// @dev Role, opener of the last round, round, phase: the order every step of the coordinator is checked in.
    function _requireOpener(uint64 round, Phase phase) private view returns (Round storage data) {
        _requireRole(IKeyAuthority.Role.COORDINATOR);
        address opener = _rounds[lastRound].state.opener;
        if (opener != address(0) && msg.sender != opener) revert IKeyAuthority.WrongRole(msg.sender);
        data = _requireRound(round);
        _requirePhase(round, data, phase);
    }

    function _requireRound(uint64 round) private view returns (Round storage data) {
        if (round != lastRound) revert WrongRound(lastRound, round);
        return _rounds[round];
    }

    function _requirePhase(uint64 round, Round storage data, Phase phase) private view {
        if (data.state.phase != phase) revert WrongPhase(round, uint8(data.state.phase));
    }

    /// @dev A round that was not opened here (0, or the predecessor's last) counts as ended.
    function _requireEnded(uint64 round) private view {
        Phase phase = _rounds[round].state.phase;
        bool ended = phase == Phase.NONE || phase == Phase.FINAL || phase == Phase.ABORTED;
        if (!ended) revert RoundStillOpen(round);
    }

    function _requireTerms(Terms calldata terms, address[] calldata roster) private view {
        bool coherent = terms.protection == Protection.SEALED &&
            terms.minCommitments >= 1 &&
            terms.minCommitments <= roster.length &&
            roster.length <= MAX_ROSTER &&
            terms.attestations >= 1 &&
            terms.parameters >= 1 &&
            block.timestamp < terms.commitDeadline &&
            terms.commitDeadline < terms.closeDeadline;
        for (uint256 i = 1; coherent && i < roster.length; ++i) coherent = roster[i - 1] < roster[i];
        if (!coherent) revert TermsInvalid();
    }

    function _requireHospital(address account) private view {
        (IKeyAuthority.Role role, IKeyAuthority.Status status, uint32 epoch) = authority.memberOf(account);
        bool eligible = role == IKeyAuthority.Role.HOSPITAL && status == IKeyAuthority.Status.ACTIVE && epoch >= 1;
        if (!eligible) revert NotInRoster(account);
    }

    /// @dev Walks the set and the roster side by side, both ascending, and returns (hospital[20] ‖ digest[32])*.
    function _collect(Round storage data, address[] calldata hospitals) private view returns (bytes memory entries) {
        bytes memory roster = data.roster.load();
        uint256 size = roster.count();
        uint256 index = 0;
        entries = new bytes(hospitals.length * ENTRY_BYTES);
        for (uint256 i = 0; i < hospitals.length; ++i) {
            address hospital = hospitals[i];
            while (index < size && roster.accountAt(index) < hospital) ++index;
            bool listed = index < size && roster.accountAt(index) == hospital && _isCommitted(data, index);
            if (!listed) revert SetMismatch(hospital);
            ++index;
            bytes32 digest = data.digests[hospital];
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                let entry := add(add(entries, 32), mul(i, 52))
                mstore(entry, shl(96, hospital))
                mstore(add(entry, 20), digest)
            }
        }
    }

    function _isCommitted(Round storage data, uint256 index) private view returns (bool) {
        return (data.committed[index >> 8] >> (index & 0xff)) & 1 == 1;
    }

    function _unpack(address pointer) private view returns (address[] memory accounts) {
        if (pointer == address(0)) return accounts;
        bytes memory packed = pointer.load();
        accounts = new address[](packed.count());
        for (uint256 i = 0; i < accounts.length; ++i) accounts[i] = packed.accountAt(i);
    }
}
