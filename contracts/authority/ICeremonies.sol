// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISteps} from "../lib/ISteps.sol";

/// @title Ceremonies, which give committees of trustees their shares of threshold keys.
/// @notice Every function that changes state reverts first with UnknownSender or RevokedSender (declared in IMembers),
/// then with the rest in the order its documentation gives. Bytes that only dealers, receivers and auditors can judge
/// (points, proofs, complaints, public shares) are in events alone; the contract checks their lengths, whom complaints
/// are about, that a dealing is the one committed to, and that confirmations agree. Source: PROTOCOL.md 9.
interface ICeremonies is ISteps {
    /// @notice What a threshold key opens. The numbers are those of `names.KeyUse`.
    enum KeyUse {
        NONE,
        RECORDS,
        MODEL,
        INFERENCE
    }

    /// @notice How a committee comes to its shares. The numbers are those of `names.CeremonyKind`.
    enum CeremonyKind {
        NONE,
        GENERATE,
        DEALER,
        REFRESH,
        RESHARE
    }

    /// @notice The phases of a ceremony. The numbers are those of `ceremony.CeremonyPhase`; they never change.
    enum CeremonyPhase {
        NONE,
        COMMIT,
        DEAL,
        CHECK,
        CONFIRM,
        DONE,
        ABORTED
    }

    /// @notice The state of one ceremony.
    /// @dev Ordered so that a step writes to the first slot only. Sets are bits: bit i is the i-th dealer or receiver.
    /// @param phase Its current phase.
    /// @param kind How it gives shares.
    /// @param threshold How many shares open a ciphertext afterwards.
    /// @param required How many dealers must go on.
    /// @param size Number of receivers.
    /// @param going Dealers that go on after the last closed phase; all of them before.
    /// @param acted Dealers, or in CHECK, CONFIRM and DONE receivers, that did what the phase asks.
    /// @param phaseSince Seconds since 1970 of the block that began the phase.
    /// @param stepTimeout Seconds from the start of a phase to its deadline.
    /// @param dealerList The contract that holds the dealers (AddressList).
    /// @param expiresAt Seconds since 1970 after which the committee answers nothing.
    /// @param generation The ceremony that made the key, or is to make it.
    /// @param receiverList The contract that holds the receivers (AddressList), the committee afterwards.
    /// @param key Keccak-256 of Y: what must be confirmed, or what was; zero while a new key is made.
    /// @param outcome Keccak-256 of Y and the digest of the public shares, once DONE.
    struct CeremonyState {
        CeremonyPhase phase;
        CeremonyKind kind;
        uint16 threshold;
        uint16 required;
        uint16 size;
        uint32 going;
        uint32 acted;
        uint64 phaseSince;
        uint64 stepTimeout;
        address dealerList;
        uint64 expiresAt;
        uint32 generation;
        address receiverList;
        bytes32 key;
        bytes32 outcome;
    }

    /// @notice The operator began a ceremony.
    /// @param sender The operator.
    /// @param keyUse What the key opens.
    /// @param ceremony Its number, from 1 for each use; the epoch of the committee it makes.
    /// @param kind How it gives shares.
    /// @param threshold How many shares open a ciphertext afterwards.
    /// @param dealers Ascending.
    /// @param receivers The committee afterwards, ascending.
    /// @param stepTimeout Seconds from the start of a phase to its deadline.
    /// @param expiresAt Seconds since 1970 after which the committee answers nothing.
    event CeremonyStarted(
        address indexed sender,
        KeyUse indexed keyUse,
        uint32 indexed ceremony,
        CeremonyKind kind,
        uint16 threshold,
        address[] dealers,
        address[] receivers,
        uint64 stepTimeout,
        uint64 expiresAt
    );

    /// @notice A dealer committed to its dealing before it saw another's.
    /// @param sender The dealer.
    /// @param keyUse What the key opens.
    /// @param ceremony The ceremony.
    /// @param digest SHA-256 of the dealing, see {deal}.
    event CeremonyCommitted(
        address indexed sender,
        KeyUse indexed keyUse,
        uint32 indexed ceremony,
        bytes32 digest
    );

    /// @notice A dealer dealt.
    /// @param sender The dealer.
    /// @param keyUse What the key opens.
    /// @param ceremony The ceremony.
    /// @param commitments Feldman vector: compressed P-256 points, 33 bytes each.
    /// @param proof R ‖ z, 65 bytes: that the dealer knows the first coefficient committed to.
    /// @param bundleDigest SHA-256 of the file with one sealed share per receiver.
    event CeremonyDealt(
        address indexed sender,
        KeyUse indexed keyUse,
        uint32 indexed ceremony,
        bytes commitments,
        bytes proof,
        bytes32 bundleDigest
    );

    /// @notice A receiver checked every share it was dealt.
    /// @param sender The receiver.
    /// @param keyUse What the key opens.
    /// @param ceremony The ceremony.
    /// @param complaints Concatenated complaints, 117 bytes each, ascending by dealer; empty when all shares are right.
    event CeremonyChecked(
        address indexed sender,
        KeyUse indexed keyUse,
        uint32 indexed ceremony,
        bytes complaints
    );

    /// @notice A phase ended.
    /// @param sender The operator, a dealer or a receiver.
    /// @param keyUse What the key opens.
    /// @param ceremony The ceremony.
    /// @param phase The phase that ended: COMMIT, DEAL or CHECK.
    /// @param dealers The dealers that go on, ascending.
    event CeremonyPhaseClosed(
        address indexed sender,
        KeyUse indexed keyUse,
        uint32 indexed ceremony,
        uint8 phase,
        address[] dealers
    );

    /// @notice A receiver holds its share and computed the public values.
    /// @param sender The receiver.
    /// @param keyUse What the key opens.
    /// @param ceremony The ceremony.
    /// @param publicKey Y, compressed P-256 point, 33 bytes.
    /// @param sharesDigest SHA-256 over everybody's public share.
    event CeremonyConfirmed(
        address indexed sender,
        KeyUse indexed keyUse,
        uint32 indexed ceremony,
        bytes publicKey,
        bytes32 sharesDigest
    );

    /// @notice The ceremony ended without a committee; the previous committee stays in force.
    /// @param sender The operator, a dealer or a receiver.
    /// @param keyUse What the key opens.
    /// @param ceremony The ceremony.
    /// @param reason Why, for people.
    event CeremonyAborted(
        address indexed sender,
        KeyUse indexed keyUse,
        uint32 indexed ceremony,
        string reason
    );

    /// @notice Use, kind, threshold, dealers, receivers or times contradict each other or the committee in force.
    error CeremonyInvalid();

    /// @notice A ceremony must end before the next one of its use begins.
    /// @param ceremony The ceremony still open.
    error CeremonyStillOpen(uint32 ceremony);

    /// @notice The ceremony is not the current one of its use.
    /// @param expected The number expected.
    /// @param actual The number given.
    error WrongCeremony(uint32 expected, uint32 actual);

    /// @notice No committee holds shares of this key yet.
    /// @param keyUse What the key opens.
    error NoCommittee(uint8 keyUse);

    /// @notice The account does not take part in the ceremony, or may not, or is not of the committee.
    /// @param account The account.
    error NotInCommittee(address account);

    /// @notice The dealing is not the one that its dealer committed to.
    /// @param dealer The dealer.
    error DealingMismatch(address dealer);

    /// @notice The key or the public shares differ from those in force.
    error CommitteeMismatch();

    /// @notice Begin the next ceremony of a key.
    /// @dev By the operator (WrongRole). Reverts, in this order: CeremonyStillOpen; WrongCeremony(last + 1, ceremony);
    /// CeremonyInvalid unless the use is RECORDS or MODEL, the kind is one of the four, 2 <= threshold <= number of
    /// receivers <= 32, the receivers are strictly ascending, 1 <= stepTimeout <= 30 days and
    /// now < expiresAt <= now + 3660 days; NoCommittee(keyUse) for REFRESH and RESHARE when none is in force;
    /// CeremonyInvalid unless the dealers are those of the kind: GENERATE the receivers; DEALER the operator alone;
    /// REFRESH the receivers, who are the committee in force, with the same threshold; RESHARE strictly ascending, at
    /// least the committee's threshold of them; NotInCommittee for the first receiver that is not an active trustee
    /// with a key, then, in a RESHARE, for the first dealer that is not active or not of the committee in force.
    /// Begins COMMIT. Emits {CeremonyStarted}.
    /// @param keyUse 1 records, 2 model.
    /// @param ceremony The use's last ceremony plus one.
    /// @param kind 1 generate, 2 dealer, 3 refresh, 4 reshare.
    /// @param threshold How many shares open a ciphertext afterwards.
    /// @param dealers Who deals, ascending.
    /// @param receivers The committee afterwards, ascending.
    /// @param stepTimeout Seconds from the start of a phase to its deadline.
    /// @param expiresAt Seconds since 1970 after which the committee answers nothing.
    function startCeremony(
        uint8 keyUse,
        uint32 ceremony,
        uint8 kind,
        uint16 threshold,
        address[] calldata dealers,
        address[] calldata receivers,
        uint64 stepTimeout,
        uint64 expiresAt
    ) external;

    /// @notice Commit to the sender's dealing.
    /// @dev By a dealer. Reverts, in this order: WrongCeremony; WrongPhase unless COMMIT; NotInCommittee unless the
    /// sender deals; DeadlinePassed; DuplicateStep. Emits {CeremonyCommitted}.
    /// @param keyUse What the key opens.
    /// @param ceremony The last ceremony of the use.
    /// @param digest SHA-256 of the dealing, see {deal}.
    function commitDealing(uint8 keyUse, uint32 ceremony, bytes32 digest) external;

    /// @notice Deal.
    /// @dev By a dealer. Reverts, in this order: WrongCeremony; WrongPhase unless DEAL; NotInCommittee unless the
    /// sender is a dealer that goes on; DeadlinePassed; DuplicateStep; LengthInvalid unless `commitments` has 33 bytes
    /// for each coefficient (the threshold, one less in a REFRESH) and `proof` 65; DealingMismatch unless SHA-256 of
    /// "BAFL/1/dealing" ‖ consortium[32] ‖ chainId u64 ‖ this[20] ‖ use u8 ‖ ceremony u32 ‖ sender[20] ‖ commitments ‖
    /// proof ‖ bundleDigest is what the sender committed to. Emits {CeremonyDealt}.
    /// @param keyUse What the key opens.
    /// @param ceremony The last ceremony of the use.
    /// @param commitments Feldman vector.
    /// @param proof That the sender knows the first coefficient.
    /// @param bundleDigest SHA-256 of the file with the sealed shares.
    function deal(
        uint8 keyUse,
        uint32 ceremony,
        bytes calldata commitments,
        bytes calldata proof,
        bytes32 bundleDigest
    ) external;

    /// @notice Record that the sender checked the shares it was dealt.
    /// @dev By a receiver. Reverts, in this order: WrongCeremony; WrongPhase unless CHECK; NotInCommittee unless the
    /// sender receives; DeadlinePassed; DuplicateStep; LengthInvalid(multiple of 117 below, length) for a part of a
    /// complaint; SetMismatch for the first dealer that is out of ascending order or does not go on. Emits
    /// {CeremonyChecked}.
    /// @param keyUse What the key opens.
    /// @param ceremony The last ceremony of the use.
    /// @param complaints Concatenated complaints, at most one about each dealer that goes on, ascending; or nothing.
    function checkDealings(uint8 keyUse, uint32 ceremony, bytes calldata complaints) external;

    /// @notice End COMMIT, DEAL or CHECK; those named go on.
    /// @dev By the operator, a dealer or a receiver. Reverts, in this order: WrongCeremony; WrongPhase unless `phase`
    /// is the one the ceremony is in and one of the three; NotInCommittee; DeadlineNotPassed unless all dealers who go
    /// on (in CHECK: all receivers) acted or the deadline passed; SetMismatch for the first account that is out of
    /// order or did not commit (COMMIT), deal (DEAL) or go on so far (CHECK), then for the first that committed
    /// (COMMIT) or dealt (DEAL) and is missing; BelowThreshold when fewer go on than the threshold (GENERATE, REFRESH),
    /// 1 (DEALER) or the threshold of the committee in force (RESHARE). Emits {CeremonyPhaseClosed}.
    /// @param keyUse What the key opens.
    /// @param ceremony The last ceremony of the use.
    /// @param phase The phase that ends.
    /// @param dealers The dealers that go on, ascending: all who committed or dealt; in CHECK, the qualified dealers.
    function closeCeremonyPhase(uint8 keyUse, uint32 ceremony, uint8 phase, address[] calldata dealers) external;

    /// @notice Record what the sender computed. The threshold-th equal confirmation puts the committee in force.
    /// @dev By a receiver. Reverts, in this order: WrongCeremony; WrongPhase unless CONFIRM or DONE; NotInCommittee
    /// unless the sender receives; DeadlinePassed in CONFIRM; DuplicateStep; LengthInvalid unless `publicKey` has 33
    /// bytes; CommitteeMismatch when a REFRESH or RESHARE would change the key, or in DONE for anything but the
    /// outcome. Emits {CeremonyConfirmed}.
    /// @param keyUse What the key opens.
    /// @param ceremony The last ceremony of the use.
    /// @param publicKey Y.
    /// @param sharesDigest SHA-256 over everybody's public share.
    function confirmCeremony(
        uint8 keyUse,
        uint32 ceremony,
        bytes calldata publicKey,
        bytes32 sharesDigest
    ) external;

    /// @notice End a ceremony without a committee.
    /// @dev By the operator at any time, by a dealer or a receiver after the deadline of the phase. Reverts, in this
    /// order: WrongCeremony; WrongPhase unless it is running; NotInCommittee; DeadlineNotPassed. Emits
    /// {CeremonyAborted}.
    /// @param keyUse What the key opens.
    /// @param ceremony The last ceremony of the use.
    /// @param reason Why, for people.
    function abortCeremony(uint8 keyUse, uint32 ceremony, string calldata reason) external;

    /// @notice The number of the newest ceremony of a use.
    /// @param keyUse What the key opens.
    /// @return The number; 0 before the first.
    function lastCeremony(uint8 keyUse) external view returns (uint32);

    /// @notice The epoch of the committee in force.
    /// @param keyUse What the key opens.
    /// @return The number of the ceremony that made it; 0 when there is none.
    function committeeInForce(uint8 keyUse) external view returns (uint32);

    /// @notice The epoch of the newest committee that holds a key, the one in force or one before it.
    /// @param keyUse What the key opens.
    /// @param generation The ceremony that made the key.
    /// @return The number of the ceremony that made the committee; 0 when there is none.
    function committeeOf(uint8 keyUse, uint32 generation) external view returns (uint32);

    /// @notice The state of a ceremony.
    /// @param keyUse What the key opens.
    /// @param ceremony Its number.
    /// @return Its state; all zero for one that was not started.
    function ceremonyState(uint8 keyUse, uint32 ceremony) external view returns (CeremonyState memory);
}
