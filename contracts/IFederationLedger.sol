// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IKeyAuthority} from "./IKeyAuthority.sol";

/// @title The ordered list of what happened in a federation: rounds, commitments, models, attestations.
/// @notice Large things are files named by their SHA-256 digest; only the digests are here. Events are the ledger's
/// records: fl/protocol/records.py has one dataclass of the same name and field order per event, and
/// fl/protocol/errors.py one leaf per custom error. Every function that changes state reverts first with LedgerClosed
/// after a hand-over, then with UnknownSender, RevokedSender or WrongRole (declared in IKeyAuthority), then with the
/// rest in the order its documentation gives. Source: PROTOCOL.md 5 and 5S.
interface IFederationLedger {
    /// @notice What hides one hospital's update during a round. The numbers are those of `names.Protection`.
    enum Protection {
        NONE,
        MASKED,
        SEALED
    }

    /// @notice Where a round stands.
    /// @dev A sealed round is OPEN, FROZEN, PROPOSED, FINAL. The phases between are kept for masked rounds
    /// (PROTOCOL.md 5), which the next version of this contract brings; their numbers never change.
    enum Phase {
        NONE,
        OPEN,
        ADVERTISE,
        SHARE,
        COMPLAIN,
        MASK,
        FROZEN,
        AGREE,
        UNMASK,
        PROPOSED,
        FINAL,
        ABORTED
    }

    /// @notice On what conditions a round runs.
    /// @param protection SEALED; MASKED is refused until the version that brings it.
    /// @param minCommitments Fewer commitments than this cannot be frozen.
    /// @param attestations How many attestations make a proposal final.
    /// @param parameters Number of model parameters.
    /// @param configDigest SHA-256 of the round's configuration document.
    /// @param commitDeadline Seconds since 1970; the last moment to commit.
    /// @param closeDeadline Seconds since 1970; after it any member may abort an unfinished round.
    struct Terms {
        Protection protection;
        uint16 minCommitments;
        uint16 attestations;
        uint64 parameters;
        bytes32 configDigest;
        uint64 commitDeadline;
        uint64 closeDeadline;
    }

    /// @notice The state of one round.
    /// @param opener The coordinator that opened it.
    /// @param phase Where it stands.
    /// @param commitDeadline As in its terms.
    /// @param closeDeadline As in its terms.
    /// @param minCommitments As in its terms.
    /// @param attestations As in its terms.
    /// @param rosterSize Hospitals in the roster.
    /// @param committed Commitments so far.
    /// @param frozen Hospitals in the frozen set.
    /// @param attested Attestations so far.
    /// @param proposedModel Digest of the proposed model; zero before.
    struct RoundState {
        address opener;
        Phase phase;
        uint64 commitDeadline;
        uint64 closeDeadline;
        uint16 minCommitments;
        uint16 attestations;
        uint16 rosterSize;
        uint16 committed;
        uint16 frozen;
        uint16 attested;
        bytes32 proposedModel;
    }

    /// @notice The coordinator recorded the model from which round `lastRound + 1` starts.
    /// @param sender The coordinator.
    /// @param predecessor The ledger this one succeeds, or zero.
    /// @param lastRound 0, or the predecessor's last round.
    /// @param modelDigest Digest of the model.
    /// @param envelopeDigest SHA-256 of the model's envelope.
    /// @param manifestDigest SHA-256 of the model's manifest document.
    event FederationOpened(
        address indexed sender,
        address predecessor,
        uint64 lastRound,
        bytes32 modelDigest,
        bytes32 envelopeDigest,
        bytes32 manifestDigest
    );

    /// @notice The coordinator opened a round.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param terms Its conditions.
    /// @param roster Its hospitals in ascending order.
    /// @param previousModel Digest of the model it starts from.
    event RoundOpened(
        address indexed sender,
        uint64 indexed round,
        Terms terms,
        address[] roster,
        bytes32 previousModel
    );

    /// @notice A hospital recorded the digest of its sealed update.
    /// @param sender The hospital.
    /// @param round The round.
    /// @param digest SHA-256 of the envelope.
    event UpdateCommitted(address indexed sender, uint64 indexed round, bytes32 digest);

    /// @notice The coordinator fixed the hospitals whose updates are summed.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param hospitals Ascending subset of the hospitals that committed.
    /// @param setDigest SHA-256 over the set, see {freezeRound}.
    event RoundFrozen(address indexed sender, uint64 indexed round, address[] hospitals, bytes32 setDigest);

    /// @notice The coordinator proposed the next global model.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param modelDigest Digest of the model.
    /// @param envelopeDigest SHA-256 of its envelope.
    event ModelProposed(address indexed sender, uint64 indexed round, bytes32 modelDigest, bytes32 envelopeDigest);

    /// @notice An auditor replayed the round and got the same model.
    /// @param sender The auditor.
    /// @param round The round.
    /// @param modelDigest Digest of the model.
    /// @param reportDigest SHA-256 of the auditor's report document, or zero.
    event ModelAttested(address indexed sender, uint64 indexed round, bytes32 modelDigest, bytes32 reportDigest);

    /// @notice The proposed model is now the global model.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param modelDigest Digest of the model.
    event RoundFinalised(address indexed sender, uint64 indexed round, bytes32 modelDigest);

    /// @notice The round ended without a new model; the previous model stands.
    /// @param sender Who aborted it.
    /// @param round The round.
    /// @param reason Why, for people.
    event RoundAborted(address indexed sender, uint64 indexed round, string reason);

    /// @notice The operator closed this ledger in favour of a successor.
    /// @param sender The operator.
    /// @param successor The ledger that continues.
    event LedgerHandedOver(address indexed sender, address successor);

    /// @notice The ledger handed over to a successor.
    /// @param successor The ledger that continues.
    error LedgerClosed(address successor);

    /// @notice No initial model was recorded yet.
    error FederationNotOpened();

    /// @notice The initial model is recorded once.
    error FederationAlreadyOpened();

    /// @notice A successor must begin with its predecessor's final state.
    error PredecessorMismatch();

    /// @notice The round is not the one the ledger is at.
    /// @param expected The round the ledger is at.
    /// @param actual The round given.
    error WrongRound(uint64 expected, uint64 actual);

    /// @notice A round must end before the next one or a hand-over begins.
    /// @param round The round still open.
    error RoundStillOpen(uint64 round);

    /// @notice The round's phase does not allow this.
    /// @param round The round.
    /// @param phase Its phase.
    error WrongPhase(uint64 round, uint8 phase);

    /// @notice The terms of a round contradict each other.
    error TermsInvalid();

    /// @notice The hospital is not in the round's roster, or cannot be.
    /// @param account The hospital.
    error NotInRoster(address account);

    /// @notice One commitment per hospital and round.
    /// @param account The hospital.
    error DuplicateCommitment(address account);

    /// @notice One attestation per auditor and round.
    /// @param account The auditor.
    error DuplicateAttestation(address account);

    /// @notice The deadline of the phase is over.
    /// @param deadline Seconds since 1970.
    error DeadlinePassed(uint64 deadline);

    /// @notice Not every hospital committed, and the deadline is still ahead.
    /// @param deadline Seconds since 1970.
    error DeadlineNotPassed(uint64 deadline);

    /// @notice The set to freeze is not an ascending subset of the hospitals that committed.
    /// @param account The first hospital out of order or without a commitment.
    error SetMismatch(address account);

    /// @notice Fewer hospitals than the terms demand.
    /// @param actual How many took part.
    /// @param required How many the terms demand.
    error BelowThreshold(uint16 actual, uint16 required);

    /// @notice Fewer attestations than the terms demand.
    /// @param actual How many were recorded.
    /// @param required How many the terms demand.
    error TooFewAttestations(uint16 actual, uint16 required);

    /// @notice Two parties hold different models where the protocol demands one.
    /// @param expected The digest on this ledger.
    /// @param actual The digest given.
    error ModelDigestMismatch(bytes32 expected, bytes32 actual);

    /// @notice A hospital of the round was revoked before the round was final; the round must be aborted.
    /// @param account The hospital.
    error RevokedMidRound(address account);

    /// @notice Record the model from which the next round starts.
    /// @dev By the coordinator. Reverts, in this order: FederationAlreadyOpened; PredecessorMismatch unless
    /// `lastRound` is 0 (no predecessor), or the predecessor handed over to this ledger and `lastRound`,
    /// `modelDigest` and `manifestDigest` are its own. Emits {FederationOpened}.
    /// @param lastRound 0, or the predecessor's last round.
    /// @param modelDigest Digest of the model.
    /// @param envelopeDigest SHA-256 of the model's envelope.
    /// @param manifestDigest SHA-256 of the model's manifest document.
    function openFederation(
        uint64 lastRound,
        bytes32 modelDigest,
        bytes32 envelopeDigest,
        bytes32 manifestDigest
    ) external;

    /// @notice Open the next round.
    /// @dev By the coordinator. Reverts, in this order: FederationNotOpened; RoundStillOpen; WrongRound;
    /// ModelDigestMismatch(current, previousModel); TermsInvalid unless protection is SEALED,
    /// 1 <= minCommitments <= roster size <= 1024, attestations >= 1, parameters >= 1,
    /// now < commitDeadline < closeDeadline, and the roster is strictly ascending; NotInRoster for the first account
    /// that is not an active hospital with a key. Emits {RoundOpened}.
    /// @param round The last round plus one.
    /// @param terms Its conditions.
    /// @param roster Its hospitals in ascending order.
    /// @param previousModel Digest of the current model.
    function openRound(uint64 round, Terms calldata terms, address[] calldata roster, bytes32 previousModel) external;

    /// @notice Record the digest of the sender's sealed update.
    /// @dev By a hospital. Reverts, in this order: WrongRound; WrongPhase unless OPEN; NotInRoster; DeadlinePassed;
    /// DuplicateCommitment. Commitments are keyed by (round, sender), never by digest: copying another hospital's
    /// digest blocks nobody. Emits {UpdateCommitted}.
    /// @param round The round.
    /// @param digest SHA-256 of the envelope.
    function commitUpdate(uint64 round, bytes32 digest) external;

    /// @notice Fix the hospitals whose updates are summed.
    /// @dev By the coordinator. Reverts, in this order: WrongRole unless the sender opened the last round; WrongRound;
    /// WrongPhase unless OPEN; DeadlineNotPassed up to and including the commit deadline unless the whole roster
    /// committed; SetMismatch for the first hospital out of ascending order or without a commitment; BelowThreshold.
    /// setDigest = SHA-256("BAFL/1/set3" ‖ consortium[32] ‖ chainId u64 ‖ this[20] ‖ round u64 ‖ count u16 ‖
    /// (hospital[20] ‖ digest[32])*). Emits {RoundFrozen}.
    /// @param round The round.
    /// @param hospitals Ascending subset of the hospitals that committed.
    function freezeRound(uint64 round, address[] calldata hospitals) external;

    /// @notice Propose the next global model.
    /// @dev By the coordinator. Reverts, in this order: WrongRole unless the sender opened the last round; WrongRound;
    /// WrongPhase unless FROZEN. Emits {ModelProposed}.
    /// @param round The round.
    /// @param modelDigest Digest of the model.
    /// @param envelopeDigest SHA-256 of its envelope.
    function proposeModel(uint64 round, bytes32 modelDigest, bytes32 envelopeDigest) external;

    /// @notice State that replaying the round gives the proposed model.
    /// @dev By an auditor. Reverts, in this order: WrongRound; WrongPhase unless PROPOSED;
    /// ModelDigestMismatch(proposed, modelDigest); DuplicateAttestation. Emits {ModelAttested}.
    /// @param round The round.
    /// @param modelDigest Digest of the model that the auditor got.
    /// @param reportDigest SHA-256 of its report document, or zero.
    function attestModel(uint64 round, bytes32 modelDigest, bytes32 reportDigest) external;

    /// @notice Make the proposed model the global model.
    /// @dev By the coordinator. Reverts, in this order: WrongRole unless the sender opened the last round; WrongRound;
    /// WrongPhase unless PROPOSED; RevokedMidRound for the first hospital of the frozen set that is no longer active;
    /// TooFewAttestations. Emits {RoundFinalised}.
    /// @param round The round.
    function finaliseRound(uint64 round) external;

    /// @notice End a round without a new model.
    /// @dev By its opener at any time, by every other active member after the close deadline. Reverts, in this order:
    /// WrongRound; WrongPhase when the round ended already (or none was opened); DeadlineNotPassed.
    /// Emits {RoundAborted}.
    /// @param round The round.
    /// @param reason Why, for people.
    function abortRound(uint64 round, string calldata reason) external;

    /// @notice Close this ledger in favour of `successor_`.
    /// @dev By the operator. Reverts, in this order: FederationNotOpened; RoundStillOpen; PredecessorMismatch when
    /// `successor_` is zero or this ledger itself. Whether it names this ledger as its predecessor is for the caller
    /// to check before (chain/deploy.py does). Emits {LedgerHandedOver}.
    /// @param successor_ The ledger that continues.
    function handOver(address successor_) external;

    /// @notice The state of one round.
    /// @param round The round.
    /// @return Its state; phase NONE when it was not opened here.
    function roundState(uint64 round) external view returns (RoundState memory);

    /// @notice The hospitals of a round.
    /// @param round The round.
    /// @return In ascending order; empty when it was not opened here.
    function rosterOf(uint64 round) external view returns (address[] memory);

    /// @notice The frozen set of a round.
    /// @param round The round.
    /// @return In ascending order; empty before {freezeRound}.
    function frozenSetOf(uint64 round) external view returns (address[] memory);

    /// @notice What a hospital committed.
    /// @param round The round.
    /// @param hospital The hospital.
    /// @return made Whether it committed.
    /// @return digest SHA-256 of its envelope.
    function commitmentOf(uint64 round, address hospital) external view returns (bool made, bytes32 digest);

    /// @notice Whether an auditor attested a round.
    /// @param round The round.
    /// @param auditor The auditor.
    /// @return Whether it did.
    function hasAttested(uint64 round, address auditor) external view returns (bool);

    /// @notice The consortium's membership and keys.
    /// @return The contract.
    function authority() external view returns (IKeyAuthority);

    /// @notice The ledger this one succeeds.
    /// @return The contract, or zero.
    function predecessor() external view returns (IFederationLedger);

    /// @notice The ledger that continues after a hand-over.
    /// @return The contract, or zero while this ledger is in force.
    function successor() external view returns (address);

    /// @notice Whether the initial model was recorded.
    /// @return Whether it was.
    function opened() external view returns (bool);

    /// @notice The last round opened here, or the predecessor's last.
    /// @return The round; 0 before the first.
    function lastRound() external view returns (uint64);

    /// @notice The global model.
    /// @return Its digest; zero before {openFederation}.
    function currentModel() external view returns (bytes32);

    /// @notice The model's manifest document.
    /// @return Its SHA-256; zero before {openFederation}.
    function manifest() external view returns (bytes32);
}
