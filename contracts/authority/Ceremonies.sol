// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AddressList} from "../lib/AddressList.sol";
import {CeremonyBook} from "./CeremonyBook.sol";
import {Complaints} from "../lib/Complaints.sol";
import {ICeremonies} from "./ICeremonies.sol";

/// @title The rules of ceremonies on the chain.
/// @notice The same rules are a pure function in fl/protocol/keys/ceremony_rules.py.
abstract contract Ceremonies is CeremonyBook {
    using AddressList for address;
    using AddressList for bytes;
    using Complaints for bytes;

    uint256 private constant MIN_THRESHOLD = 2;
    uint256 private constant MAX_COMMITTEE = 32;
    uint256 private constant MAX_STEP_TIMEOUT = 30 days;
    uint256 private constant MAX_VALIDITY = 3660 days;
    uint256 private constant POINT_BYTES = 33;
    uint256 private constant PROOF_BYTES = 65;

    /// @inheritdoc ICeremonies
    function startCeremony(
        uint8 keyUse,
        uint32 ceremony,
        uint8 kind,
        uint16 threshold,
        address[] calldata dealers,
        address[] calldata receivers,
        uint64 stepTimeout,
        uint64 expiresAt
    ) external override {
        _requireNext(keyUse, ceremony);
        bool timely = stepTimeout >= 1 &&
            stepTimeout <= MAX_STEP_TIMEOUT &&
            block.timestamp < expiresAt &&
            expiresAt <= block.timestamp + MAX_VALIDITY;
        if (!timely) revert CeremonyInvalid();
        _requireCoherent(keyUse, kind, threshold, receivers);
        CeremonyState storage state = _ceremonies[keyUse][ceremony].state;
        state.required = _requireDealers(keyUse, kind, threshold, dealers, receivers);
        for (uint256 i = 0; i < receivers.length; ++i) _requireTrustee(receivers[i]);
        if (kind == uint8(CeremonyKind.RESHARE)) _requireHolders(keyUse, dealers);
        _begin(state, dealers, receivers);
        state.kind = CeremonyKind(kind);
        state.threshold = threshold;
        state.stepTimeout = stepTimeout;
        state.expiresAt = expiresAt;
        state.generation = ceremony;
        if (kind >= uint8(CeremonyKind.REFRESH)) {
            state.generation = _inForce(keyUse).generation;
            state.key = _inForce(keyUse).key;
        }
        lastCeremony[keyUse] = ceremony;
        emit CeremonyStarted(
            msg.sender,
            KeyUse(keyUse),
            ceremony,
            CeremonyKind(kind),
            threshold,
            dealers,
            receivers,
            stepTimeout,
            expiresAt
        );
    }

    /// @inheritdoc ICeremonies
    function commitDealing(uint8 keyUse, uint32 ceremony, bytes32 digest) external override {
        _stepOnce(keyUse, ceremony, CeremonyPhase.COMMIT).digests[msg.sender] = digest;
        emit CeremonyCommitted(msg.sender, KeyUse(keyUse), ceremony, digest);
    }

    /// @inheritdoc ICeremonies
    function deal(
        uint8 keyUse,
        uint32 ceremony,
        bytes calldata commitments,
        bytes calldata proof,
        bytes32 bundleDigest
    ) external override {
        Ceremony storage data = _stepOnce(keyUse, ceremony, CeremonyPhase.DEAL);
        bool refresh = data.state.kind == CeremonyKind.REFRESH;
        _requireLength(commitments, POINT_BYTES * (data.state.threshold - (refresh ? 1 : 0)));
        _requireLength(proof, PROOF_BYTES);
        bytes32 digest = sha256(
            abi.encodePacked(
                "BAFL/1/dealing",
                consortium,
                uint64(block.chainid),
                address(this),
                keyUse,
                ceremony,
                msg.sender,
                commitments,
                proof,
                bundleDigest
            )
        );
        if (digest != data.digests[msg.sender]) revert DealingMismatch(msg.sender);
        emit CeremonyDealt(msg.sender, KeyUse(keyUse), ceremony, commitments, proof, bundleDigest);
    }

    /// @inheritdoc ICeremonies
    function checkDealings(uint8 keyUse, uint32 ceremony, bytes calldata complaints) external override {
        CeremonyState storage state = _stepOnce(keyUse, ceremony, CeremonyPhase.CHECK).state;
        _choose(state.dealerList, state.going, complaints.accused());
        emit CeremonyChecked(msg.sender, KeyUse(keyUse), ceremony, complaints);
    }

    /// @inheritdoc ICeremonies
    function closeCeremonyPhase(
        uint8 keyUse,
        uint32 ceremony,
        uint8 phase,
        address[] calldata dealers
    ) external override {
        CeremonyState storage state = _requireCeremony(keyUse, ceremony).state;
        CeremonyPhase current = state.phase;
        bool closable = current >= CeremonyPhase.COMMIT && current <= CeremonyPhase.CHECK && phase == uint8(current);
        if (!closable) revert WrongPhase(ceremony, uint8(current));
        _requireParticipant(state);
        bool checking = current == CeremonyPhase.CHECK;
        if (state.acted != (checking ? _all(state.size) : state.going)) _requireLate(state);
        uint32 allowed = checking ? state.going : state.acted;
        uint32 chosen = _choose(state.dealerList, allowed, dealers);
        if (!checking && chosen != allowed) revert SetMismatch(_first(state.dealerList, allowed ^ chosen));
        if (dealers.length < state.required) revert BelowThreshold(uint16(dealers.length), state.required);
        state.going = chosen;
        _enter(state, CeremonyPhase(phase + 1));
        emit CeremonyPhaseClosed(msg.sender, KeyUse(keyUse), ceremony, phase, dealers);
    }

    /// @inheritdoc ICeremonies
    function confirmCeremony(
        uint8 keyUse,
        uint32 ceremony,
        bytes calldata publicKey,
        bytes32 sharesDigest
    ) external override {
        Ceremony storage data = _requireCeremony(keyUse, ceremony);
        CeremonyState storage state = data.state;
        CeremonyPhase phase = state.phase;
        bool confirmable = phase == CeremonyPhase.CONFIRM || phase == CeremonyPhase.DONE;
        if (!confirmable) revert WrongPhase(ceremony, uint8(phase));
        uint32 bit = _requireListed(state.receiverList);
        if (phase == CeremonyPhase.CONFIRM) _requireInTime(state);
        _markOnce(state, bit);
        _requireLength(publicKey, POINT_BYTES);
        bytes32 key = keccak256(publicKey);
        bytes32 outcome = keccak256(bytes.concat(publicKey, sharesDigest));
        bool stays = (state.key == 0 || state.key == key) && (state.outcome == 0 || state.outcome == outcome);
        if (!stays) revert CommitteeMismatch();
        if (phase == CeremonyPhase.CONFIRM && ++data.tallies[outcome] >= state.threshold) {
            state.phase = CeremonyPhase.DONE;
            (state.key, state.outcome) = (key, outcome);
            committeeInForce[keyUse] = ceremony;
            committeeOf[keyUse][state.generation] = ceremony;
        }
        emit CeremonyConfirmed(msg.sender, KeyUse(keyUse), ceremony, publicKey, sharesDigest);
    }

    /// @inheritdoc ICeremonies
    function abortCeremony(uint8 keyUse, uint32 ceremony, string calldata reason) external override {
        CeremonyState storage state = _requireCeremony(keyUse, ceremony).state;
        if (_hasEnded(state)) revert WrongPhase(ceremony, uint8(state.phase));
        _requireParticipant(state);
        if (msg.sender != operator) _requireLate(state);
        _enter(state, CeremonyPhase.ABORTED);
        emit CeremonyAborted(msg.sender, KeyUse(keyUse), ceremony, reason);
    }

    function _begin(
        CeremonyState storage state,
        address[] calldata dealers,
        address[] calldata receivers
    ) private {
        _enter(state, CeremonyPhase.COMMIT);
        state.size = uint16(receivers.length);
        state.going = _all(dealers.length);
        state.dealerList = AddressList.store(dealers);
        state.receiverList = AddressList.store(receivers);
    }

    function _requireNext(uint8 keyUse, uint32 ceremony) private view {
        _requireOperator();
        uint32 last = lastCeremony[keyUse];
        if (!_hasEnded(_ceremonies[keyUse][last].state)) revert CeremonyStillOpen(last);
        if (ceremony != last + 1) revert WrongCeremony(last + 1, ceremony);
    }

    /// @dev The dealers must be those of the kind; returns how many of them must go on.
    function _requireDealers(
        uint8 keyUse,
        uint8 kind,
        uint16 threshold,
        address[] calldata dealers,
        address[] calldata receivers
    ) private view returns (uint16 required) {
        bool fits = _hash(dealers) == _hash(receivers);
        required = threshold;
        if (kind == uint8(CeremonyKind.DEALER)) {
            fits = dealers.length == 1 && dealers[0] == operator;
            required = 1;
        }
        if (kind >= uint8(CeremonyKind.REFRESH)) {
            if (committeeInForce[keyUse] == 0) revert NoCommittee(keyUse);
            CeremonyState storage committee = _inForce(keyUse);
            if (kind == uint8(CeremonyKind.REFRESH)) {
                fits = fits && threshold == committee.threshold && _isList(committee.receiverList, receivers);
            } else {
                required = committee.threshold;
                fits = dealers.length >= required && _isAscending(dealers);
            }
        }
        if (!fits) revert CeremonyInvalid();
    }

    function _requireTrustee(address account) private view {
        bool may = roleOf(account) == Role.TRUSTEE && keyEpochOf(account) >= 1;
        if (!may) revert NotInCommittee(account);
    }

    function _requireHolders(uint8 keyUse, address[] calldata dealers) private view {
        address committee = _inForce(keyUse).receiverList;
        for (uint256 i = 0; i < dealers.length; ++i) {
            (bool holds, ) = _find(committee, dealers[i]);
            if (!holds || statusOf(dealers[i]) != Status.ACTIVE) revert NotInCommittee(dealers[i]);
        }
    }

    /// @dev Returns the bits of `accounts`, an ascending subset of the `allowed` ones of a list.
    function _choose(
        address list,
        uint32 allowed,
        address[] memory accounts
    ) private view returns (uint32 chosen) {
        bytes memory packed = list.load();
        for (uint256 i = 0; i < accounts.length; ++i) {
            (bool found, uint256 index) = packed.find(accounts[i]);
            // Shifted out of the bits chosen so far, a later account leaves nothing.
            bool next = found && (allowed >> index) & 1 == 1 && chosen >> index == 0;
            if (!next) revert SetMismatch(accounts[i]);
            chosen |= uint32(1 << index);
        }
    }

    /// @dev The account of the lowest of `bits`, of which there is one at least.
    function _first(address list, uint32 bits) private view returns (address) {
        uint256 index = 0;
        while ((bits >> index) & 1 == 0) ++index;
        return list.load().accountAt(index);
    }

    /// @dev A ceremony that was never started (0) counts as ended.
    function _hasEnded(CeremonyState storage state) private view returns (bool) {
        CeremonyPhase phase = state.phase;
        return phase == CeremonyPhase.NONE || phase == CeremonyPhase.DONE || phase == CeremonyPhase.ABORTED;
    }

    function _inForce(uint8 keyUse) private view returns (CeremonyState storage) {
        return _ceremonies[keyUse][committeeInForce[keyUse]].state;
    }

    function _isList(address list, address[] calldata accounts) private view returns (bool same) {
        bytes memory packed = list.load();
        same = packed.count() == accounts.length;
        for (uint256 i = 0; same && i < accounts.length; ++i) same = packed.accountAt(i) == accounts[i];
    }

    function _requireCoherent(
        uint8 keyUse,
        uint8 kind,
        uint16 threshold,
        address[] calldata receivers
    ) private pure {
        bool coherent = keyUse >= uint8(KeyUse.RECORDS) &&
            keyUse <= uint8(KeyUse.INFERENCE) &&
            kind >= uint8(CeremonyKind.GENERATE) &&
            kind <= uint8(CeremonyKind.RESHARE) &&
            threshold >= MIN_THRESHOLD &&
            threshold <= receivers.length &&
            receivers.length <= MAX_COMMITTEE &&
            _isAscending(receivers);
        if (!coherent) revert CeremonyInvalid();
    }

    function _isAscending(address[] calldata accounts) private pure returns (bool ascending) {
        ascending = true;
        for (uint256 i = 1; ascending && i < accounts.length; ++i) ascending = accounts[i - 1] < accounts[i];
    }

    function _hash(address[] calldata accounts) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(accounts));
    }

    function _all(uint256 count) private pure returns (uint32) {
        return uint32((uint256(1) << count) - 1);
    }
}
