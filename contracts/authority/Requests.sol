// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ceremonies} from "./Ceremonies.sol";
import {IRequests} from "./IRequests.sol";

/// @title The rules of requests for decryption on the chain.
/// @notice The same rules are a pure function in fl/protocol/keys/requests.py.
abstract contract Requests is Ceremonies, IRequests {
    uint256 private constant MAX_WAIT = 366 days;

    /// @inheritdoc IRequests
    uint64 public override lastRequest;

    mapping(uint64 request => RequestState state) private _requests;

    /// @inheritdoc IRequests
    function requestDecryption(
        uint8 keyUse,
        uint32 epoch,
        bytes32 label,
        bytes32 capsuleDigest,
        uint8 purpose,
        uint64 deadline
    ) external override returns (uint64 request) {
        _requireRequester(keyUse);
        _requireHolder(keyUse, epoch);
        bool known = purpose >= uint8(Purpose.TREATMENT) && purpose <= uint8(Purpose.RELEASE);
        bool fits = (purpose == uint8(Purpose.RELEASE)) == (keyUse == uint8(KeyUse.MODEL));
        bool timely = block.timestamp < deadline && deadline <= block.timestamp + MAX_WAIT;
        if (!known || !fits || !timely) revert RequestInvalid();
        request = ++lastRequest;
        RequestState storage state = _requests[request];
        state.requester = msg.sender;
        state.deadline = deadline;
        state.phase = RequestPhase.OPEN;
        state.keyUse = KeyUse(keyUse);
        state.epoch = epoch;
        emit DecryptionRequested(
            msg.sender,
            request,
            KeyUse(keyUse),
            epoch,
            label,
            capsuleDigest,
            Purpose(purpose),
            deadline
        );
    }

    /// @inheritdoc IRequests
    function approveDecryption(uint64 request, bytes32 digest) external override {
        RequestState storage state = _answerOnce(request);
        requireActive(state.requester);
        if (++state.approvals >= _asked(state).threshold) state.phase = RequestPhase.APPROVED;
        emit DecryptionApproved(msg.sender, request, digest);
    }

    /// @inheritdoc IRequests
    function refuseDecryption(uint64 request, uint8 reason) external override {
        RequestState storage state = _answerOnce(request);
        if (reason < uint8(Refusal.CIPHERTEXT) || reason > uint8(Refusal.JUDGEMENT)) revert RequestInvalid();
        CeremonyState storage committee = _asked(state);
        if (++state.refusals > committee.size - committee.threshold) state.phase = RequestPhase.REFUSED;
        emit DecryptionRefused(msg.sender, request, Refusal(reason));
    }

    /// @inheritdoc IRequests
    function fulfilDecryption(uint64 request) external override {
        requireSender(msg.sender);
        RequestState storage state = _requireRequest(request);
        if (state.requester != msg.sender) revert WrongRole(msg.sender);
        _requireNotClosed(request, state);
        uint16 threshold = _asked(state).threshold;
        if (state.approvals < threshold) revert QuorumNotReached(state.approvals, threshold);
        state.phase = RequestPhase.FULFILLED;
        emit DecryptionFulfilled(msg.sender, request);
    }

    /// @inheritdoc IRequests
    function requestState(uint64 request) external view override returns (RequestState memory) {
        return _requests[request];
    }

    /// @dev Records the sender's only answer; the caller checks its content.
    function _answerOnce(uint64 request) private returns (RequestState storage state) {
        if (requireSender(msg.sender) != Role.TRUSTEE) revert WrongRole(msg.sender);
        state = _requireRequest(request);
        _requireNotClosed(request, state);
        _requireHolder(uint8(state.keyUse), state.epoch);
        uint32 bit = _requireListed(_asked(state).receiverList);
        if (block.timestamp > state.deadline) revert DeadlinePassed(state.deadline);
        if (state.answered & bit != 0) revert DuplicateStep(msg.sender);
        state.answered |= bit;
    }

    function _asked(RequestState storage state) private view returns (CeremonyState storage) {
        return _ceremonies[uint8(state.keyUse)][state.epoch].state;
    }

    /// @dev Hospitals may ask for everything, auditors for models and predictions, the coordinator for models.
    function _requireRequester(uint8 keyUse) private view {
        Role role = requireSender(msg.sender);
        bool model = keyUse == uint8(KeyUse.MODEL);
        bool known = keyUse >= uint8(KeyUse.RECORDS) && keyUse <= uint8(KeyUse.INFERENCE);
        bool may = (role == Role.HOSPITAL && known) ||
            (role == Role.AUDITOR && known && keyUse != uint8(KeyUse.RECORDS)) ||
            (role == Role.COORDINATOR && model);
        if (!may) revert WrongRole(msg.sender);
        if (keyEpochOf(msg.sender) == 0) revert KeyEpochMismatch(1, 0);
    }

    function _requireRequest(uint64 request) private view returns (RequestState storage state) {
        state = _requests[request];
        if (state.phase == RequestPhase.NONE) revert WrongRequest(request);
    }

    function _requireNotClosed(uint64 request, RequestState storage state) private view {
        bool open = state.phase == RequestPhase.OPEN || state.phase == RequestPhase.APPROVED;
        if (!open) revert RequestClosed(request);
    }

    /// @dev The committee must be the newest of its key, and its shares not expired.
    function _requireHolder(uint8 keyUse, uint32 epoch) private view {
        CeremonyState storage committee = _ceremonies[keyUse][epoch].state;
        uint32 newest = committeeOf[keyUse][committee.generation];
        if (epoch == 0 || epoch != newest) revert StaleCommittee(epoch, newest);
        if (block.timestamp > committee.expiresAt) revert KeyExpired(keyUse, committee.expiresAt);
    }
}
