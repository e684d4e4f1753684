// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AddressList} from "../lib/AddressList.sol";
import {IFederationLedger} from "./IFederationLedger.sol";
import {IKeyAuthority} from "../authority/IKeyAuthority.sol";
import {IMembers} from "../authority/IMembers.sol";
import {RoundBook} from "./RoundBook.sol";
import {WideRounds} from "./WideRounds.sol";

/// @title The rules of a federation's rounds on the chain.
/// @notice The same rules are a pure function in fl/protocol/rounds/rules.py; tests/vectors/rounds.json binds the two.
/// What sealed and masked rounds share is here, what only masked rounds have is in
/// MaskedRounds, and the batches of wide rounds are in WideRounds.
contract FederationLedger is WideRounds {
    using AddressList for address;
    using AddressList for bytes;

    uint256 private constant MAX_DURATION = 366 days;
    uint256 private constant ENTRY_BYTES = 52;

    /// @dev Who may make which statement: byte k, counted from the right, has bit r for kind k and role r.
    uint256 private constant MAY_STATE = 0x3e3e3e_06_10_04_04_18_04_04_00;

    /// @inheritdoc IFederationLedger
    string public constant override version = "1.3.0"; // solhint-disable-line const-name-snakecase

    /// @inheritdoc IFederationLedger
    IFederationLedger public immutable override predecessor;

    bytes32 private immutable _consortium;

    /// @inheritdoc IFederationLedger
    bool public override opened;

    /// @inheritdoc IFederationLedger
    bytes32 public override currentModel;

    /// @inheritdoc IFederationLedger
    bytes32 public override manifest;

    /// @inheritdoc IFederationLedger
    mapping(address keeper => uint64 size) public override checkpointSize;

    /// @inheritdoc IFederationLedger
    mapping(address keeper => mapping(uint64 size => bytes32 root)) public override checkpointRoot;

    /// @dev Which grants were recorded: hash of model, reader, epoch and sender.
    mapping(bytes32 grant => bool made) private _granted;

    /// @notice Begin a ledger; the coordinator opens it with {openFederation}.
    /// @dev Reverts with PredecessorMismatch when the predecessor belongs to another authority.
    /// @param authority_ The consortium's membership and keys.
    /// @param predecessor_ The ledger this one succeeds, of the same authority; or zero.
    constructor(IKeyAuthority authority_, IFederationLedger predecessor_) RoundBook(authority_) {
        bool first = address(predecessor_) == address(0);
        if (!first && address(predecessor_.authority()) != address(authority_)) revert PredecessorMismatch();
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
        _requireRole(IMembers.Role.COORDINATOR);
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
        _rounds[lastRound_].state.proposedModel = modelDigest; // for {revertModel}; the phase stays NONE
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
        _requireNext(round, previousModel);
        _requireTerms(terms, roster);
        for (uint256 i = 0; i < roster.length; ++i) _requireHospital(roster[i]);
        _begin(round, terms, uint16(roster.length), AddressList.store(roster));
        emit RoundOpened(msg.sender, round, terms, roster, previousModel);
    }

    /// @inheritdoc IFederationLedger
    function grantModel(
        address reader,
        uint32 epoch,
        bytes32 modelDigest,
        bytes32 digest
    ) external override whileInForce {
        _requireReader(msg.sender, authority.requireSender(msg.sender));
        if (!opened) revert FederationNotOpened();
        if (modelDigest != currentModel) revert ModelDigestMismatch(currentModel, modelDigest);
        _requireReader(reader, authority.requireActive(reader));
        uint32 current = authority.keyEpochOf(reader);
        if (epoch == 0 || epoch != current) revert IMembers.KeyEpochMismatch(current, epoch);
        bytes32 grant = keccak256(abi.encode(modelDigest, reader, epoch, msg.sender));
        if (_granted[grant]) revert DuplicateStep(msg.sender);
        _granted[grant] = true;
        emit ModelGranted(msg.sender, reader, epoch, modelDigest, digest);
    }

    /// @inheritdoc IFederationLedger
    function commitUpdate(uint64 round, bytes32 digest) external override whileInForce {
        _requireRole(IMembers.Role.HOSPITAL);
        Round storage data = _requireRound(round);
        Phase phase = _requireEither(round, data, Phase.OPEN, Phase.MASK);
        (bool found, uint256 index) = _findActor(data, phase, msg.sender);
        if (!found && phase == Phase.OPEN) revert NotInRoster(msg.sender);
        if (!found) revert NotInSet(msg.sender);
        uint64 deadline = data.state.commitDeadline;
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
        if (_isMarked(data, phase, index)) revert DuplicateCommitment(msg.sender);
        _mark(data, phase, index);
        data.digests[msg.sender] = digest;
        ++data.state.committed;
        emit UpdateCommitted(msg.sender, round, digest);
    }

    /// @inheritdoc IFederationLedger
    function freezeRound(uint64 round, address[] calldata hospitals) external override whileInForce {
        Round storage data = _requireOpener(round);
        Phase phase = _requireEither(round, data, Phase.OPEN, Phase.MASK);
        uint64 deadline = data.state.commitDeadline;
        bool complete = data.state.committed == data.state.going;
        if (!complete && block.timestamp <= deadline) revert DeadlineNotPassed(deadline);
        _choose(data, phase, Phase.FROZEN, hospitals);
        uint16 count = _requireEnough(data, hospitals);
        data.state.frozen = count;
        bytes32 setDigest = sha256(
            abi.encodePacked(
                "BAFL/1/set3",
                _consortium,
                uint64(block.chainid),
                address(this),
                round,
                count,
                _entries(data, hospitals)
            )
        );
        if (phase == Phase.MASK) data.state.setDigest = setDigest;
        _enter(data, phase == Phase.MASK ? Phase.AGREE : Phase.FROZEN);
        emit RoundFrozen(msg.sender, round, hospitals, setDigest);
    }

    /// @inheritdoc IFederationLedger
    function proposeModel(
        uint64 round,
        bytes32 modelDigest,
        bytes32 envelopeDigest
    ) external override whileInForce {
        Round storage data = _requireOpener(round);
        _requireEither(round, data, Phase.FROZEN, Phase.UNMASK);
        uint16 threshold = data.state.threshold; // 0 in a sealed round
        if (data.state.revealed < threshold) revert TooFewReveals(data.state.revealed, threshold);
        _enter(data, Phase.PROPOSED);
        data.state.proposedModel = modelDigest;
        emit ModelProposed(msg.sender, round, modelDigest, envelopeDigest);
    }

    /// @inheritdoc IFederationLedger
    function attestModel(uint64 round, bytes32 modelDigest, bytes32 reportDigest) external override whileInForce {
        IMembers.Role role = authority.requireSender(msg.sender);
        bool hospital = role == IMembers.Role.HOSPITAL;
        if (!hospital && role != IMembers.Role.AUDITOR) revert IMembers.WrongRole(msg.sender);
        Round storage data = _requireRound(round);
        _requirePhase(round, data, Phase.PROPOSED);
        if (hospital) _requireReplayer(data);
        bytes32 proposed = data.state.proposedModel;
        if (modelDigest != proposed) revert ModelDigestMismatch(proposed, modelDigest);
        if (data.attestations[msg.sender]) revert DuplicateAttestation(msg.sender);
        data.attestations[msg.sender] = true;
        ++data.state.attested;
        emit ModelAttested(msg.sender, round, modelDigest, reportDigest);
    }

    /// @inheritdoc IFederationLedger
    function finaliseRound(uint64 round) external override whileInForce {
        Round storage data = _requireOpener(round);
        _requirePhase(round, data, Phase.PROPOSED);
        address[] memory hospitals = _frozenSet(data);
        for (uint256 i = 0; i < hospitals.length; ++i) {
            bool active = authority.statusOf(hospitals[i]) == IMembers.Status.ACTIVE;
            if (!active) revert RevokedMidRound(hospitals[i]);
        }
        (uint16 attested, uint16 required) = (data.state.attested, data.state.attestations);
        if (attested < required) revert TooFewAttestations(attested, required);
        _enter(data, Phase.FINAL);
        currentModel = data.state.proposedModel;
        emit RoundFinalised(msg.sender, round, currentModel);
    }

    /// @inheritdoc IFederationLedger
    function abortRound(uint64 round, string calldata reason) external override whileInForce {
        authority.requireSender(msg.sender);
        Round storage data = _requireRound(round);
        _requireRunning(round, data);
        uint64 deadline = data.state.closeDeadline;
        address opener = data.state.opener;
        bool due = block.timestamp > deadline || authority.statusOf(opener) != IMembers.Status.ACTIVE;
        if (msg.sender != opener && !due) revert DeadlineNotPassed(deadline);
        _enter(data, Phase.ABORTED);
        emit RoundAborted(msg.sender, round, reason);
    }

    /// @inheritdoc IFederationLedger
    function makeStatement(
        uint64 round,
        Statement kind,
        bytes32 digest,
        string calldata text
    ) external override whileInForce {
        IMembers.Role role = authority.requireSender(msg.sender);
        if ((MAY_STATE >> (8 * uint256(kind) + uint256(role))) & 1 == 0) revert IMembers.WrongRole(msg.sender);
        if (kind == Statement.DECLINE) {
            Round storage data = _requireRound(round);
            _requireRunning(round, data);
            address list = data.state.rosterList; // zero in a wide round: who declines there is for readers to check
            if (list != address(0)) {
                (bool found, ) = list.load().find(msg.sender);
                if (!found) revert NotInRoster(msg.sender);
            }
        }
        emit StatementMade(msg.sender, round, kind, digest, text);
    }

    /// @inheritdoc IFederationLedger
    function anchorCheckpoint(uint64 size, bytes32 root) external override whileInForce {
        IMembers.Role role = authority.requireSender(msg.sender);
        bool may = role != IMembers.Role.HOSPITAL && role != IMembers.Role.TRUSTEE;
        if (!may) revert IMembers.WrongRole(msg.sender);
        uint64 newest = checkpointSize[msg.sender];
        if (size <= newest) revert CheckpointBackwards(newest, size);
        checkpointSize[msg.sender] = size;
        checkpointRoot[msg.sender][size] = root;
        emit CheckpointAnchored(msg.sender, size, root);
    }

    /// @inheritdoc IFederationLedger
    function revertModel(uint64 round, bytes32 modelDigest) external override whileInForce {
        _requireBetween();
        if (round > lastRound) revert WrongRound(lastRound, round);
        RoundState storage state = _rounds[round].state;
        Phase phase = state.phase;
        if (phase != Phase.FINAL && phase != Phase.NONE) revert WrongPhase(round, uint8(phase));
        bytes32 known = state.proposedModel;
        if (known != 0 && known != modelDigest) revert ModelDigestMismatch(known, modelDigest);
        currentModel = modelDigest;
        emit ModelReverted(msg.sender, round, modelDigest);
    }

    /// @inheritdoc IFederationLedger
    function handOver(address successor_) external override whileInForce {
        _requireRole(IMembers.Role.OPERATOR);
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
        address list = _rounds[round].state.rosterList;
        if (list == address(0)) return new address[](0);
        bytes memory packed = list.load();
        address[] memory accounts = new address[](packed.count());
        for (uint256 i = 0; i < accounts.length; ++i) accounts[i] = packed.accountAt(i);
        return accounts;
    }

    /// @inheritdoc IFederationLedger
    function frozenSetOf(uint64 round) external view override returns (address[] memory) {
        return _frozenSet(_rounds[round]);
    }

    /// @inheritdoc IFederationLedger
    function commitmentOf(
        uint64 round,
        address hospital
    ) external view override returns (bool made, bytes32 digest) {
        Round storage data = _rounds[round];
        made = hasActed(round, data.state.protection == Protection.MASKED ? Phase.MASK : Phase.OPEN, hospital);
        return (made, data.digests[hospital]);
    }

    /// @inheritdoc IFederationLedger
    function hasAttested(uint64 round, address member) external view override returns (bool) {
        return _rounds[round].attestations[member];
    }

    /// @inheritdoc IFederationLedger
    function hasActed(uint64 round, Phase phase, address hospital) public view override returns (bool) {
        Round storage data = _rounds[round];
        if (data.state.rosterList == address(0)) return false;
        (bool found, uint256 index) = data.state.rosterList.load().find(hospital);
        return found && _isMarked(data, phase, index);
    }

    function _requireRunning(uint64 round, Round storage data) private view {
        Phase phase = data.state.phase;
        bool running = phase != Phase.NONE && phase != Phase.FINAL && phase != Phase.ABORTED;
        if (!running) revert WrongPhase(round, uint8(phase));
    }

    function _accept(bytes32 model) internal override {
        currentModel = model;
    }

    /// @dev For what the coordinator does between rounds.
    function _requireBetween() private view {
        _requireRole(IMembers.Role.COORDINATOR);
        if (!opened) revert FederationNotOpened();
        _requireEnded(lastRound);
    }

    function _requireNext(uint64 round, bytes32 previousModel) internal view override {
        _requireBetween();
        if (round != lastRound + 1) revert WrongRound(lastRound + 1, round);
        if (previousModel != currentModel) revert ModelDigestMismatch(currentModel, previousModel);
    }

    function _begin(uint64 round, Terms calldata terms, uint16 size, address rosterList) internal override {
        lastRound = round;
        _rounds[round].state = RoundState({
            phase: terms.protection == Protection.SEALED ? Phase.OPEN : Phase.ADVERTISE,
            protection: terms.protection,
            phaseSince: uint64(block.timestamp),
            stepTimeout: terms.stepTimeout,
            going: size,
            stepped: 0,
            committed: 0,
            frozen: 0,
            endorsed: 0,
            revealed: 0,
            attested: 0,
            opener: msg.sender,
            commitDeadline: terms.commitDeadline,
            minCommitments: terms.minCommitments,
            attestations: terms.attestations,
            rosterList: rosterList,
            closeDeadline: terms.closeDeadline,
            threshold: terms.threshold,
            rosterSize: size,
            setDigest: 0,
            proposedModel: 0
        });
    }

    function _fits(Terms calldata terms, uint256 count) internal view override returns (bool) {
        return
            terms.minCommitments >= 1 &&
            terms.minCommitments <= count &&
            terms.attestations >= 1 &&
            terms.parameters >= 1 &&
            block.timestamp < terms.commitDeadline &&
            terms.commitDeadline < terms.closeDeadline &&
            terms.closeDeadline <= block.timestamp + MAX_DURATION;
    }

    function _requireTerms(Terms calldata terms, address[] calldata roster) private view {
        uint256 count = roster.length;
        bool coherent = _fits(terms, count) && count <= MAX_ROSTER;
        if (terms.protection == Protection.MASKED) {
            bool majority = count >= MIN_MASKED &&
                count < 2 * uint256(terms.threshold) &&
                terms.threshold <= terms.minCommitments;
            coherent = coherent && majority && _inTime(terms);
        } else {
            coherent = coherent && terms.protection == Protection.SEALED && terms.threshold == 0;
        }
        for (uint256 i = 1; coherent && i < count; ++i) coherent = roster[i - 1] < roster[i];
        if (!coherent) revert TermsInvalid();
    }

    /// @dev Who may read a global model.
    function _requireReader(address account, IMembers.Role role) private pure {
        bool may = role == IMembers.Role.COORDINATOR || role == IMembers.Role.HOSPITAL || role == IMembers.Role.AUDITOR;
        if (!may) revert IMembers.WrongRole(account);
    }

    function _requireHospital(address account) private view {
        (IMembers.Role role, IMembers.Status status, uint32 epoch) = authority.memberOf(account);
        bool eligible = role == IMembers.Role.HOSPITAL && status == IMembers.Status.ACTIVE && epoch >= 1;
        if (!eligible) revert NotInRoster(account);
    }

    /// @dev A hospital can replay, and so attest, only a masked round whose sum contains its own update.
    function _requireReplayer(Round storage data) private view {
        if (data.state.protection != Protection.MASKED) revert IMembers.WrongRole(msg.sender);
        (bool found, ) = _findActor(data, Phase.PROPOSED, msg.sender);
        if (!found) revert NotInSet(msg.sender);
    }

    function _frozenSet(Round storage data) private view returns (address[] memory hospitals) {
        hospitals = new address[](data.state.frozen);
        if (hospitals.length == 0) return hospitals;
        bytes memory roster = data.state.rosterList.load();
        uint256 next = 0;
        for (uint256 index = 0; next < hospitals.length; ++index) {
            if (!_isMarked(data, Phase.FROZEN, index)) continue;
            hospitals[next] = roster.accountAt(index);
            ++next;
        }
    }

    /// @dev Returns (hospital[20] ‖ digest[32])*.
    function _entries(Round storage data, address[] calldata hospitals) private view returns (bytes memory entries) {
        entries = new bytes(hospitals.length * ENTRY_BYTES);
        for (uint256 i = 0; i < hospitals.length; ++i) {
            address hospital = hospitals[i];
            bytes32 digest = data.digests[hospital];
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                let entry := add(add(entries, 32), mul(i, 52))
                mstore(entry, shl(96, hospital))
                mstore(add(entry, 20), digest)
            }
        }
    }
}
