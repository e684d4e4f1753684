// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICeremonies} from "./ICeremonies.sol";

/// @title Requests to open a ciphertext, and the trustees' answers.
/// @notice Every function that changes state reverts first with UnknownSender or RevokedSender, then with WrongRole
/// (declared in IMembers), then with the rest in the order its documentation gives. What a trustee must check before it
/// approves, and the partial decryption itself, are not on the chain. Source: PROTOCOL.md 9, Requests.
interface IRequests is ICeremonies {
    /// @notice The purpose of a request. The numbers are those of `names.Purpose`.
    enum Purpose {
        NONE,
        TREATMENT,
        SECOND_OPINION,
        EMERGENCY,
        PATIENT_WISH,
        RESEARCH,
        QUALITY,
        RELEASE
    }

    /// @notice Why a trustee refused. The numbers are those of `names.Refusal`.
    enum Refusal {
        NONE,
        CIPHERTEXT,
        CONSENT,
        PURPOSE,
        REQUESTER,
        JUDGEMENT
    }

    /// @notice The phases of a request. The numbers are those of `requests.RequestPhase`.
    enum RequestPhase {
        NONE,
        OPEN,
        APPROVED,
        FULFILLED,
        REFUSED
    }

    /// @notice The state of one request.
    /// @param requester Who asked.
    /// @param deadline Seconds since 1970 after which no answer counts.
    /// @param phase Its current phase.
    /// @param keyUse Which key it asks for.
    /// @param epoch The committee that was asked.
    /// @param answered The trustees that answered: bit i is the i-th of the committee.
    /// @param approvals How many approved.
    /// @param refusals How many refused.
    struct RequestState {
        address requester;
        uint64 deadline;
        RequestPhase phase;
        KeyUse keyUse;
        uint32 epoch;
        uint32 answered;
        uint16 approvals;
        uint16 refusals;
    }

    /// @notice A member asked the committee to open one ciphertext.
    /// @param sender The requester.
    /// @param request Its number, from 1.
    /// @param keyUse Which key.
    /// @param epoch The committee asked.
    /// @param label What the ciphertext is bound to.
    /// @param capsuleDigest SHA-256 of the capsule.
    /// @param purpose What for.
    /// @param deadline Seconds since 1970 after which no answer counts.
    event DecryptionRequested(
        address indexed sender,
        uint64 indexed request,
        KeyUse indexed keyUse,
        uint32 epoch,
        bytes32 label,
        bytes32 capsuleDigest,
        Purpose purpose,
        uint64 deadline
    );

    /// @notice A trustee approved.
    /// @param sender The trustee.
    /// @param request The request.
    /// @param digest SHA-256 of its sealed partial decryption.
    event DecryptionApproved(address indexed sender, uint64 indexed request, bytes32 digest);

    /// @notice A trustee refused.
    /// @param sender The trustee.
    /// @param request The request.
    /// @param reason Why.
    event DecryptionRefused(address indexed sender, uint64 indexed request, Refusal reason);

    /// @notice The requester opened what it asked for.
    /// @param sender The requester.
    /// @param request The request.
    event DecryptionFulfilled(address indexed sender, uint64 indexed request);

    /// @notice The committee no longer holds its key, or never did.
    /// @param asked Its epoch.
    /// @param current The epoch of the newest committee with the same key; 0 when there is none.
    error StaleCommittee(uint32 asked, uint32 current);

    /// @notice The committee's shares expired.
    /// @param keyUse Which key.
    /// @param expiredAt Seconds since 1970.
    error KeyExpired(uint8 keyUse, uint64 expiredAt);

    /// @notice The purpose, key or deadline of a request, or the reason of a refusal, is not allowed.
    error RequestInvalid();

    /// @notice No request has this number.
    /// @param request The number.
    error WrongRequest(uint64 request);

    /// @notice The request was fulfilled, or too many trustees refused it.
    /// @param request The request.
    error RequestClosed(uint64 request);

    /// @notice Fewer approvals than the threshold.
    /// @param actual How many.
    /// @param required The threshold.
    error QuorumNotReached(uint16 actual, uint16 required);

    /// @notice Ask a committee to open one ciphertext: the newest committee of the key that it is sealed to.
    /// @dev By a hospital (RECORDS, MODEL), the coordinator or an auditor (MODEL). Reverts, in this order: WrongRole;
    /// KeyEpochMismatch(1, 0) when the sender has no key; StaleCommittee(epoch, newest) unless the committee is the
    /// newest of its key (newest is 0 where no such ceremony was done); KeyExpired; RequestInvalid unless the purpose
    /// is 1..7, is RELEASE if and only if the use is MODEL, and now < deadline <= now + 366 days. Emits
    /// {DecryptionRequested}.
    /// @param keyUse 1 records, 2 model.
    /// @param epoch The committee asked.
    /// @param label What the ciphertext is bound to.
    /// @param capsuleDigest SHA-256 of the capsule.
    /// @param purpose What for.
    /// @param deadline Seconds since 1970 after which no answer counts.
    /// @return request The number of the request.
    function requestDecryption(
        uint8 keyUse,
        uint32 epoch,
        bytes32 label,
        bytes32 capsuleDigest,
        uint8 purpose,
        uint64 deadline
    ) external returns (uint64 request);

    /// @notice Approve a request.
    /// @dev By a trustee. Reverts, in this order: WrongRole; WrongRequest; RequestClosed; StaleCommittee; KeyExpired;
    /// NotInCommittee; DeadlinePassed; DuplicateStep; RevokedSender(requester) when the requester was revoked. More
    /// approvals than the threshold are taken. Emits {DecryptionApproved}.
    /// @param request The request.
    /// @param digest SHA-256 of the sealed partial decryption.
    function approveDecryption(uint64 request, bytes32 digest) external;

    /// @notice Refuse a request.
    /// @dev By a trustee. Reverts as {approveDecryption} up to DuplicateStep; RequestInvalid unless `reason` is 1..5.
    /// When fewer can approve than the threshold, the request is closed. Emits {DecryptionRefused}.
    /// @param request The request.
    /// @param reason Why: `names.Refusal`.
    function refuseDecryption(uint64 request, uint8 reason) external;

    /// @notice Record that the sender opened what it asked for.
    /// @dev By the requester, at any time. Reverts, in this order: WrongRequest; WrongRole unless the sender asked;
    /// RequestClosed; QuorumNotReached. Emits {DecryptionFulfilled}.
    /// @param request The request.
    function fulfilDecryption(uint64 request) external;

    /// @notice The number of the newest request.
    /// @return The number; 0 before the first.
    function lastRequest() external view returns (uint64);

    /// @notice The state of a request.
    /// @param request Its number.
    /// @return Its state; all zero for one that was not made.
    function requestState(uint64 request) external view returns (RequestState memory);
}
