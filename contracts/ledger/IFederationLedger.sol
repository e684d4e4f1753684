// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IKeyAuthority} from "../authority/IKeyAuthority.sol";
import {ISteps} from "../lib/ISteps.sol";

/// @title The ordered records of a federation: rounds, commitments, models, attestations.
/// @notice Large things are files named by their SHA-256 digest; only the digests are here. Events are the ledger's
/// records: fl/protocol/records.py has one dataclass of the same name and field order per event, and
/// fl/protocol/errors one leaf per custom error. Every function that changes state reverts first with LedgerClosed
/// after a hand-over, then with UnknownSender, RevokedSender or WrongRole (declared in IMembers), then with the
/// rest in the order its documentation gives. Bytes that only hospitals and auditors can judge (points, shares,
/// complaints, signatures) are in events alone; the ledger checks their lengths. Source: PROTOCOL.md 5 and 5S.
interface IFederationLedger is ISteps {
    /// @notice What hides one hospital's update during a round. The numbers are those of `names.Protection`.
    enum Protection {
        NONE,
        MASKED,
        SEALED,
        WIDE
    }

    /// @notice The phases of a round. The numbers are those of `round.Phase`; they never change.
    /// @dev A sealed round is OPEN, FROZEN, PROPOSED, FINAL; a masked one ADVERTISE, SHARE, COMPLAIN, MASK, AGREE,
    /// UNMASK, PROPOSED, FINAL, and so is a wide one. ABORTED ends any from any phase before FINAL.
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

    /// @notice What a member states beside the rounds. The numbers are those of `names.StatementKind`.
    /// @dev POLICY: a hospital's site policy is the file of this digest. DECLINE: a hospital does not take part in the
    /// running round, by the rule that the text names. RETENTION: old files may be deleted under the record of this
    /// digest; it counts when a coordinator and an auditor stated it. OMITTED: a hospital put the step of this digest
    /// on the board of a wide round, and the batch does not have it; nobody can check here whether it came in time.
    /// OPENED: a hospital opened one of its own masks of a checked round. CHECKED: an auditor checked the updates of a
    /// checked round. WITHDRAWAL: a hospital leaves with its data, or takes data back; the operator says it for a
    /// hospital that is gone. LONG_KEY: a member's key of suite 2. WITNESS, LOG: the key with which a member cosigns or
    /// signs checkpoints of the log; the digest is that of the text, and an empty text takes the key back.
    enum Statement {
        NONE,
        POLICY,
        DECLINE,
        RETENTION,
        OMITTED,
        OPENED,
        CHECKED,
        WITHDRAWAL,
        LONG_KEY,
        WITNESS,
        LOG
    }

    /// @notice The conditions of a round.
    /// @param protection MASKED, SEALED or WIDE.
    /// @param minCommitments Fewer commitments than this cannot be frozen.
    /// @param attestations How many attestations make a proposal final.
    /// @param threshold How many hospitals of a masked round must endorse the set and reveal shares; 0 in a sealed one.
    /// @param parameters Number of model parameters.
    /// @param configDigest SHA-256 of the round's configuration document.
    /// @param stepTimeout Seconds from the start of a phase to its deadline, in the phases of a masked round that name
    /// no other.
    /// @param commitDeadline Seconds since 1970; the last moment to commit.
    /// @param closeDeadline Seconds since 1970; after it any member may abort an unfinished round.
    struct Terms {
        Protection protection;
        uint16 minCommitments;
        uint16 attestations;
        uint16 threshold;
        uint64 parameters;
        bytes32 configDigest;
        uint64 stepTimeout;
        uint64 commitDeadline;
        uint64 closeDeadline;
    }

    /// @notice The state of one round.
    /// @dev Ordered so that it fills five slots and a hospital's step writes to the first one only.
    /// @param phase Its current phase.
    /// @param protection As in its terms.
    /// @param phaseSince Seconds since 1970 of the block that began the phase.
    /// @param stepTimeout As in its terms.
    /// @param going Hospitals that go on after the last closed set-up phase; the whole roster before.
    /// @param stepped Hospitals that did what the set-up phase at hand asks.
    /// @param committed Commitments so far.
    /// @param frozen Hospitals in the frozen set.
    /// @param endorsed Endorsements of the frozen set so far.
    /// @param revealed Hospitals that revealed their shares so far.
    /// @param attested Attestations so far.
    /// @param opener The coordinator that opened it.
    /// @param commitDeadline As in its terms.
    /// @param minCommitments As in its terms.
    /// @param attestations As in its terms.
    /// @param rosterList The contract that holds its roster (AddressList).
    /// @param closeDeadline As in its terms.
    /// @param threshold As in its terms.
    /// @param rosterSize Hospitals in the roster.
    /// @param setDigest Digest of the frozen set of a masked round; zero before and in a sealed round.
    /// @param proposedModel Digest of the proposed model; zero before.
    struct RoundState {
        Phase phase;
        Protection protection;
        uint64 phaseSince;
        uint64 stepTimeout;
        uint16 going;
        uint16 stepped;
        uint16 committed;
        uint16 frozen;
        uint16 endorsed;
        uint16 revealed;
        uint16 attested;
        address opener;
        uint64 commitDeadline;
        uint16 minCommitments;
        uint16 attestations;
        address rosterList;
        uint64 closeDeadline;
        uint16 threshold;
        uint16 rosterSize;
        bytes32 setDigest;
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

    /// @notice A member sealed the key of the current model's envelope to another member, who could not open it.
    /// @param sender Who could open it.
    /// @param reader Who can now.
    /// @param epoch The key of the reader to which it is sealed.
    /// @param modelDigest Digest of the current model.
    /// @param digest SHA-256 of the GRANT envelope.
    event ModelGranted(
        address indexed sender,
        address indexed reader,
        uint32 epoch,
        bytes32 modelDigest,
        bytes32 digest
    );

    /// @notice A hospital advertised its two keys of one masked round.
    /// @param sender The hospital.
    /// @param round The round.
    /// @param maskKey Compressed P-256 point S_i, 33 bytes.
    /// @param transportKey Compressed P-256 point E_i, 33 bytes.
    event KeysAdvertised(address indexed sender, uint64 indexed round, bytes maskKey, bytes transportKey);

    /// @notice A hospital dealt shares of its round secrets.
    /// @param sender The hospital.
    /// @param round The round.
    /// @param maskCommitments Feldman vector A_i: as many compressed points as the threshold, 33 bytes each.
    /// @param selfCommitments Feldman vector B_i, of the same form.
    /// @param bundleDigest SHA-256 of the file with one sealed share per hospital.
    event SharesDealt(
        address indexed sender,
        uint64 indexed round,
        bytes maskCommitments,
        bytes selfCommitments,
        bytes32 bundleDigest
    );

    /// @notice A hospital checked every share it was dealt.
    /// @param sender The hospital.
    /// @param round The round.
    /// @param complaints Concatenated complaints, 117 bytes each; empty when all shares were right.
    event SharesChecked(address indexed sender, uint64 indexed round, bytes complaints);

    /// @notice The coordinator ended a set-up phase and fixed who goes on.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param phase The phase that ended.
    /// @param hospitals Ascending subset of those who did what the phase asked.
    event PhaseClosed(address indexed sender, uint64 indexed round, uint8 phase, address[] hospitals);

    /// @notice A hospital recorded the digest of its update, sealed or masked.
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

    /// @notice A hospital signed the frozen set, once.
    /// @param sender The hospital.
    /// @param round The round.
    /// @param setDigest Digest of the frozen set.
    /// @param signature EIP-712 signature r ‖ s ‖ v of the hospital's SetStatement (eip712.py), 65 bytes.
    event SetEndorsed(address indexed sender, uint64 indexed round, bytes32 setDigest, bytes signature);

    /// @notice A hospital revealed one share per hospital that dealt.
    /// @param sender The hospital.
    /// @param round The round.
    /// @param setDigest Digest of the frozen set.
    /// @param digest SHA-256 of the file with its shares.
    event SharesRevealed(address indexed sender, uint64 indexed round, bytes32 setDigest, bytes32 digest);

    /// @notice The coordinator proposed the next global model.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param modelDigest Digest of the model.
    /// @param envelopeDigest SHA-256 of its envelope.
    event ModelProposed(address indexed sender, uint64 indexed round, bytes32 modelDigest, bytes32 envelopeDigest);

    /// @notice An auditor, or a hospital of a masked round's frozen set, replayed the round and got the same model.
    /// @param sender The auditor or hospital.
    /// @param round The round.
    /// @param modelDigest Digest of the model.
    /// @param reportDigest SHA-256 of its report document, or zero.
    event ModelAttested(address indexed sender, uint64 indexed round, bytes32 modelDigest, bytes32 reportDigest);

    /// @notice The proposed model is now the global model.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param modelDigest Digest of the model.
    event RoundFinalised(address indexed sender, uint64 indexed round, bytes32 modelDigest);

    /// @notice The round ended without a new model; the previous model remains.
    /// @param sender Who aborted it.
    /// @param round The round.
    /// @param reason Why, for people.
    event RoundAborted(address indexed sender, uint64 indexed round, string reason);

    /// @notice The coordinator opened a wide round: its steps come in batches.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param terms Its conditions.
    /// @param degree With how many others each hospital shares masks and shares.
    /// @param replayers How many hospitals are drawn to sum again; 0 for all.
    /// @param rosterSize How many hospitals its roster has.
    /// @param previousModel Digest of the model it starts from.
    /// @param fileDigest SHA-256 of the file with roster and keys.
    event WideRoundOpened(
        address indexed sender,
        uint64 indexed round,
        Terms terms,
        uint16 degree,
        uint16 replayers,
        uint16 rosterSize,
        bytes32 previousModel,
        bytes32 fileDigest
    );

    /// @notice The coordinator recorded the steps of a phase of a wide round, and so ended the phase.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param phase The phase that ended: ADVERTISE, SHARE, COMPLAIN, MASK or AGREE.
    /// @param count How many steps the batch has.
    /// @param going How many of their hospitals go on.
    /// @param root Root of the tree over the steps (RFC 9162).
    /// @param fileDigest SHA-256 of the file with the steps.
    event StepsAnchored(
        address indexed sender,
        uint64 indexed round,
        uint8 phase,
        uint16 count,
        uint16 going,
        bytes32 root,
        bytes32 fileDigest
    );

    /// @notice The coordinator recorded the answers of a wide round, and proposed the next global model.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param count How many answers the batch has.
    /// @param root Root of the tree over the answers.
    /// @param fileDigest SHA-256 of the file with the answers.
    /// @param modelDigest Digest of the model.
    /// @param envelopeDigest SHA-256 of its envelope.
    event WideProposed(
        address indexed sender,
        uint64 indexed round,
        uint16 count,
        bytes32 root,
        bytes32 fileDigest,
        bytes32 modelDigest,
        bytes32 envelopeDigest
    );

    /// @notice The coordinator recorded the attestations of a wide round; the proposed model is now the global model.
    /// @param sender The coordinator.
    /// @param round The round.
    /// @param count How many attestations the batch has.
    /// @param root Root of the tree over the attestations.
    /// @param fileDigest SHA-256 of the file with the attestations.
    /// @param modelDigest Digest of the model.
    event WideFinalised(
        address indexed sender,
        uint64 indexed round,
        uint16 count,
        bytes32 root,
        bytes32 fileDigest,
        bytes32 modelDigest
    );

    /// @notice A member made a statement beside the rounds.
    /// @param sender The member.
    /// @param round DECLINE: the running round. RETENTION: the last round it is about. OMITTED, OPENED, CHECKED: the
    /// round. Every other kind: 0.
    /// @param kind What it states.
    /// @param digest SHA-256 of the document it is about.
    /// @param text For people; DECLINE: the name of the rule.
    event StatementMade(address indexed sender, uint64 indexed round, Statement kind, bytes32 digest, string text);

    /// @notice A keeper recorded the root of the log over all records, so that a checkpoint is bound to this chain.
    /// @param sender The operator, a coordinator or an auditor.
    /// @param size How many records the log has.
    /// @param root Root of the tree over them (RFC 9162).
    event CheckpointAnchored(address indexed sender, uint64 indexed size, bytes32 root);

    /// @notice The coordinator went back to an earlier model; the next round starts from it.
    /// @param sender The coordinator.
    /// @param round The final round that made the model; 0 for the model from which round 1 started.
    /// @param modelDigest Digest of the model.
    event ModelReverted(address indexed sender, uint64 indexed round, bytes32 modelDigest);

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

    /// @notice The round is not the current one.
    /// @param expected The current round.
    /// @param actual The round given.
    error WrongRound(uint64 expected, uint64 actual);

    /// @notice A round must end before the next one or a hand-over begins.
    /// @param round The round still open.
    error RoundStillOpen(uint64 round);

    /// @notice The terms of a round contradict each other.
    error TermsInvalid();

    /// @notice The hospital is not in the round's roster, or cannot be.
    /// @param account The hospital.
    error NotInRoster(address account);

    /// @notice The hospital committed in this round already.
    /// @param account The hospital.
    error DuplicateCommitment(address account);

    /// @notice The member attested this round already.
    /// @param account The auditor or hospital.
    error DuplicateAttestation(address account);

    /// @notice Fewer attestations than the terms demand.
    /// @param actual How many were recorded.
    /// @param required How many the terms demand.
    error TooFewAttestations(uint16 actual, uint16 required);

    /// @notice Two parties hold different models where the protocol demands one.
    /// @param expected The digest on this ledger.
    /// @param actual The digest given.
    error ModelDigestMismatch(bytes32 expected, bytes32 actual);

    /// @notice The hospital dropped out of the round, or was rejected.
    /// @param account The hospital.
    error NotInSet(address account);

    /// @notice Somebody endorses or reveals another set than the frozen one.
    /// @param expected Digest of the frozen set.
    /// @param actual The digest given.
    error EquivocationDetected(bytes32 expected, bytes32 actual);

    /// @notice The hospital revealed shares in this round already; a second time would unmask an update.
    /// @param account The hospital.
    error RevealConflict(address account);

    /// @notice Fewer hospitals revealed their shares than the threshold.
    /// @param actual How many did.
    /// @param required The threshold.
    error TooFewReveals(uint16 actual, uint16 required);

    /// @notice A hospital of the round was revoked before the round was final; the round must be aborted.
    /// @param account The hospital.
    error RevokedMidRound(address account);

    /// @notice A batch claims more steps than hospitals may take.
    /// @param actual How many it claims.
    /// @param most How many may.
    error BatchTooLarge(uint16 actual, uint16 most);

    /// @notice A keeper's checkpoints only grow.
    /// @param newest The size of its newest one here.
    /// @param size The size given.
    error CheckpointBackwards(uint64 newest, uint64 size);

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
    /// ModelDigestMismatch(current, previousModel); TermsInvalid unless 1 <= minCommitments <= roster size <= 1024,
    /// attestations >= 1, parameters >= 1, now < commitDeadline < closeDeadline <= now + 366 days, the roster is
    /// strictly ascending, and either protection is SEALED and threshold = 0, or it is MASKED, roster size >= 3,
    /// roster size < 2 * threshold <= 2 * minCommitments and 1 <= stepTimeout <= 30 days; NotInRoster for the first
    /// account that is not an active hospital with a key. A masked round begins in ADVERTISE, a sealed one in OPEN.
    /// Emits {RoundOpened}.
    /// @param round The last round plus one.
    /// @param terms Its conditions.
    /// @param roster Its hospitals in ascending order.
    /// @param previousModel Digest of the current model.
    function openRound(uint64 round, Terms calldata terms, address[] calldata roster, bytes32 previousModel) external;

    /// @notice Record a grant: the key of the current model's envelope, sealed to a member who cannot open it.
    /// @dev By the coordinator, a hospital or an auditor. Reverts, in this order: FederationNotOpened;
    /// ModelDigestMismatch(current, modelDigest); UnknownSender, RevokedSender or WrongRole unless the reader is an
    /// active coordinator, hospital or auditor; KeyEpochMismatch unless the epoch is that of the reader's key;
    /// DuplicateStep for a second grant of one sender for the same model and key. Emits {ModelGranted}.
    /// @param reader Who can read the model now.
    /// @param epoch The epoch of the reader's key.
    /// @param modelDigest Digest of the current model.
    /// @param digest SHA-256 of the GRANT envelope.
    function grantModel(address reader, uint32 epoch, bytes32 modelDigest, bytes32 digest) external;

    /// @notice Advertise the sender's two keys of a masked round.
    /// @dev By a hospital. Reverts, in this order: WrongRound; WrongPhase unless ADVERTISE; NotInSet unless in the
    /// roster; DeadlinePassed after phaseSince + stepTimeout; DuplicateStep; LengthInvalid. Emits {KeysAdvertised}.
    /// @param round The round.
    /// @param maskKey Compressed P-256 point S_i, 33 bytes.
    /// @param transportKey Compressed P-256 point E_i, 33 bytes.
    function advertiseKeys(uint64 round, bytes calldata maskKey, bytes calldata transportKey) external;

    /// @notice Deal shares of the sender's round secrets.
    /// @dev By a hospital. Reverts, in this order: WrongRound; WrongPhase unless SHARE; NotInSet unless it goes on
    /// after ADVERTISE; DeadlinePassed after phaseSince + stepTimeout; DuplicateStep; LengthInvalid unless both vectors
    /// have 33 * threshold bytes. Emits {SharesDealt}.
    /// @param round The round.
    /// @param maskCommitments Feldman vector A_i.
    /// @param selfCommitments Feldman vector B_i.
    /// @param bundleDigest SHA-256 of the file with one sealed share per hospital.
    function dealShares(
        uint64 round,
        bytes calldata maskCommitments,
        bytes calldata selfCommitments,
        bytes32 bundleDigest
    ) external;

    /// @notice State that the sender checked every share it was dealt.
    /// @dev By a hospital. Reverts, in this order: WrongRound; WrongPhase unless COMPLAIN; NotInSet unless it goes on
    /// after SHARE; DeadlinePassed after phaseSince + stepTimeout; DuplicateStep; LengthInvalid(multiple of 117 below,
    /// length) for a part of a complaint; SetMismatch for the first hospital that is out of ascending order or does not
    /// go on after SHARE. Emits {SharesChecked}.
    /// @param round The round.
    /// @param complaints Concatenated complaints, 117 bytes each, at most one about each hospital; empty when all
    /// shares are right.
    function checkShares(uint64 round, bytes calldata complaints) external;

    /// @notice End a set-up phase of a masked round and fix who goes on.
    /// @dev By the coordinator. Reverts, in this order: WrongRole unless the sender opened the last round; WrongRound;
    /// WrongPhase unless the round is in `phase` and that is ADVERTISE, SHARE or COMPLAIN; DeadlineNotPassed up to and
    /// including phaseSince + stepTimeout unless all who may have acted; SetMismatch for the first hospital out of
    /// ascending order or that did not act; BelowThreshold(count, minCommitments). Moves on to SHARE, COMPLAIN or MASK.
    /// Emits {PhaseClosed}.
    /// @param round The round.
    /// @param phase The phase to end.
    /// @param hospitals Ascending subset of those who acted.
    function closePhase(uint64 round, uint8 phase, address[] calldata hospitals) external;

    /// @notice Record the digest of the sender's update, sealed or masked.
    /// @dev By a hospital. Reverts, in this order: WrongRound; WrongPhase unless OPEN or MASK; NotInRoster in a sealed
    /// round, NotInSet in a masked one unless it goes on after COMPLAIN; DeadlinePassed after the commit deadline;
    /// DuplicateCommitment. Commitments are keyed by (round, sender), never by digest: copying another hospital's
    /// digest blocks nobody. Emits {UpdateCommitted}.
    /// @param round The round.
    /// @param digest SHA-256 of the envelope.
    function commitUpdate(uint64 round, bytes32 digest) external;

    /// @notice Fix the hospitals whose updates are summed.
    /// @dev By the coordinator. Reverts, in this order: WrongRole unless the sender opened the last round; WrongRound;
    /// WrongPhase unless OPEN or MASK; DeadlineNotPassed up to and including the commit deadline unless all who may
    /// have committed; SetMismatch for the first hospital out of ascending order or without a commitment;
    /// BelowThreshold. A sealed round moves on to FROZEN, a masked one to AGREE.
    /// setDigest = SHA-256("BAFL/1/set3" ‖ consortium[32] ‖ chainId u64 ‖ this[20] ‖ round u64 ‖ count u16 ‖
    /// (hospital[20] ‖ digest[32])*). Emits {RoundFrozen}.
    /// @param round The round.
    /// @param hospitals Ascending subset of the hospitals that committed.
    function freezeRound(uint64 round, address[] calldata hospitals) external;

    /// @notice Endorse the frozen set of a masked round.
    /// @dev By a hospital of the frozen set. Reverts, in this order: WrongRound; WrongPhase unless AGREE or UNMASK;
    /// NotInSet; DeadlinePassed after phaseSince + stepTimeout; EquivocationDetected(frozen, setDigest); DuplicateStep;
    /// LengthInvalid(65, length). The threshold-th endorsement moves the round from AGREE to UNMASK.
    /// Emits {SetEndorsed}.
    /// @param round The round.
    /// @param setDigest Digest of the frozen set.
    /// @param signature EIP-712 signature r ‖ s ‖ v, 65 bytes; hospitals and auditors verify it.
    function endorseSet(uint64 round, bytes32 setDigest, bytes calldata signature) external;

    /// @notice Record the file with the sender's shares of a masked round.
    /// @dev By a hospital of the frozen set. Reverts, in this order: WrongRound; WrongPhase unless UNMASK; NotInSet;
    /// DeadlinePassed after phaseSince + stepTimeout; EquivocationDetected(frozen, setDigest); RevealConflict.
    /// Emits {SharesRevealed}.
    /// @param round The round.
    /// @param setDigest Digest of the frozen set.
    /// @param digest SHA-256 of the file.
    function revealShares(uint64 round, bytes32 setDigest, bytes32 digest) external;

    /// @notice Propose the next global model.
    /// @dev By the coordinator. Reverts, in this order: WrongRole unless the sender opened the last round; WrongRound;
    /// WrongPhase unless FROZEN or UNMASK; TooFewReveals(revealed, threshold) in a masked round.
    /// Emits {ModelProposed}.
    /// @param round The round.
    /// @param modelDigest Digest of the model.
    /// @param envelopeDigest SHA-256 of its envelope.
    function proposeModel(uint64 round, bytes32 modelDigest, bytes32 envelopeDigest) external;

    /// @notice State that replaying the round gives the proposed model.
    /// @dev By an auditor or a hospital. Reverts, in this order: WrongRound; WrongPhase unless PROPOSED; for a
    /// hospital WrongRole in a sealed round and NotInSet outside the frozen set of a masked one;
    /// ModelDigestMismatch(proposed, modelDigest); DuplicateAttestation. Emits {ModelAttested}.
    /// @param round The round.
    /// @param modelDigest Digest of the model that the sender got.
    /// @param reportDigest SHA-256 of its report document, or zero.
    function attestModel(uint64 round, bytes32 modelDigest, bytes32 reportDigest) external;

    /// @notice Make the proposed model the global model.
    /// @dev By the coordinator. Reverts, in this order: WrongRole unless the sender opened the last round; WrongRound;
    /// WrongPhase unless PROPOSED; RevokedMidRound for the first hospital of the frozen set that is no longer active;
    /// TooFewAttestations. Emits {RoundFinalised}.
    /// @param round The round.
    function finaliseRound(uint64 round) external;

    /// @notice End a round without a new model.
    /// @dev By its opener at any time, by every other active member after the close deadline, or as soon as its opener
    /// is revoked. Reverts, in this order: WrongRound; WrongPhase when the round ended already (or none was opened);
    /// DeadlineNotPassed. Emits {RoundAborted}.
    /// @param round The round.
    /// @param reason Why, for people.
    function abortRound(uint64 round, string calldata reason) external;

    /// @notice Open the next round as a wide one.
    /// @dev By the coordinator. What this contract cannot check, because it sees neither roster nor keys: who is in the
    /// roster, that it is ascending and of active hospitals, and that the file exists. Readers check it and stop at a
    /// round that fails. Reverts, in this order: FederationNotOpened; RoundStillOpen; WrongRound;
    /// ModelDigestMismatch(current, previousModel); TermsInvalid unless the terms fit as in {openRound}, protection is
    /// WIDE, 1 <= stepTimeout <= 30 days, rosterSize <= 16384 and < 2 * minCommitments, replayers <= rosterSize,
    /// `degree` is even or joins all, and with holders = min(degree + 1, rosterSize) >= 3 also
    /// holders < 2 * threshold <= 2 * holders. The round begins in ADVERTISE. Emits {WideRoundOpened}.
    /// @param round The last round plus one.
    /// @param terms Its conditions.
    /// @param degree With how many others each hospital shares masks and shares.
    /// @param replayers How many hospitals are drawn to sum again; 0 for all.
    /// @param rosterSize How many hospitals its roster has.
    /// @param previousModel Digest of the current model.
    /// @param fileDigest SHA-256 of the file with roster and keys.
    function openWideRound(
        uint64 round,
        Terms calldata terms,
        uint16 degree,
        uint16 replayers,
        uint16 rosterSize,
        bytes32 previousModel,
        bytes32 fileDigest
    ) external;

    /// @notice Record the steps of a phase of a wide round, and end the phase.
    /// @dev By the coordinator. What this contract cannot check, because it sees only numbers and digests: who signed
    /// the steps, whether they keep the rules, who was left out, and that the file exists. Readers check the first two
    /// and stop at a batch that fails; a hospital that was left out states it (OMITTED). Reverts, in this order:
    /// WrongRole unless the sender opened the last round; WrongRound; WrongPhase unless the round is wide and in
    /// `phase` and that is ADVERTISE, SHARE, COMPLAIN, MASK or AGREE; BatchTooLarge when `count` is more than go on
    /// after the phase before, or `going` is more than `count`; before AGREE, DeadlineNotPassed up to and including the
    /// deadline of the phase unless `count` has all who go on; BelowThreshold(going, minCommitments). In MASK, those
    /// who go on are the frozen set. Emits {StepsAnchored}.
    /// @param round The round.
    /// @param phase The phase to end.
    /// @param count How many steps the batch has.
    /// @param going How many of their hospitals go on.
    /// @param root Root of the tree over the steps.
    /// @param fileDigest SHA-256 of the file with the steps.
    function anchorSteps(
        uint64 round,
        uint8 phase,
        uint16 count,
        uint16 going,
        bytes32 root,
        bytes32 fileDigest
    ) external;

    /// @notice Record the answers of a wide round, and propose the next global model.
    /// @dev By the coordinator; what the contract cannot check is as in {anchorSteps}. Reverts, in this order:
    /// WrongRole unless the sender opened the last round; WrongRound; WrongPhase unless the round is wide and in
    /// UNMASK; BatchTooLarge when `count` is more than the frozen set; TooFewReveals(count, threshold).
    /// Emits {WideProposed}.
    /// @param round The round.
    /// @param count How many answers the batch has.
    /// @param root Root of the tree over the answers.
    /// @param fileDigest SHA-256 of the file with the answers.
    /// @param modelDigest Digest of the model.
    /// @param envelopeDigest SHA-256 of its envelope.
    function proposeWide(
        uint64 round,
        uint16 count,
        bytes32 root,
        bytes32 fileDigest,
        bytes32 modelDigest,
        bytes32 envelopeDigest
    ) external;

    /// @notice Record the attestations of a wide round, and make the proposed model the global model.
    /// @dev By the coordinator; what the contract cannot check is as in {anchorSteps}, and whether a hospital of the
    /// frozen set was revoked meanwhile. Reverts, in this order: WrongRole unless the sender opened the last round;
    /// WrongRound; WrongPhase unless the round is wide and in PROPOSED; TooFewAttestations. Emits {WideFinalised}.
    /// @param round The round.
    /// @param count How many attestations the batch has.
    /// @param root Root of the tree over the attestations.
    /// @param fileDigest SHA-256 of the file with the attestations.
    function finaliseWide(uint64 round, uint16 count, bytes32 root, bytes32 fileDigest) external;

    /// @notice State something beside the rounds; no state of a round changes.
    /// @dev POLICY, DECLINE, OMITTED and OPENED by a hospital, RETENTION by a coordinator or an auditor, CHECKED by an
    /// auditor, WITHDRAWAL by a hospital or the operator, LONG_KEY, WITNESS and LOG by any member. Reverts, in this
    /// order: WrongRole; and for DECLINE WrongRound; WrongPhase when the round ended already (or none was opened);
    /// NotInRoster, except in a wide round, whose roster is not here. Emits {StatementMade}.
    /// @param round DECLINE: the running round. RETENTION: the last round it is about. OMITTED, OPENED, CHECKED: the
    /// round. Every other kind: 0.
    /// @param kind What is stated.
    /// @param digest SHA-256 of the document.
    /// @param text For people; DECLINE: the name of the rule.
    function makeStatement(uint64 round, Statement kind, bytes32 digest, string calldata text) external;

    /// @notice Record the root of the log over all records.
    /// @dev By the operator, a coordinator or an auditor. What this contract cannot check: how many records there are,
    /// and their root. Readers compare both with their own log. Reverts, in this order: WrongRole; CheckpointBackwards
    /// unless `size` is more than that of the sender's newest checkpoint here. Emits {CheckpointAnchored}.
    /// @param size How many records the log has.
    /// @param root Root of the tree over them.
    function anchorCheckpoint(uint64 size, bytes32 root) external;

    /// @notice Go back to an earlier model, from which the next round starts.
    /// @dev By the coordinator. What this contract cannot check: a model from before the first round opened here, other
    /// than the one it opened with. Readers check it and stop at a record that fails. Reverts, in this order:
    /// FederationNotOpened; RoundStillOpen; WrongRound(lastRound, round) for a round that is not there yet; WrongPhase
    /// unless the round is FINAL or was not opened here; ModelDigestMismatch(known, modelDigest).
    /// Emits {ModelReverted}.
    /// @param round The final round that made the model; 0 for the model from which round 1 started.
    /// @param modelDigest Digest of the model.
    function revertModel(uint64 round, bytes32 modelDigest) external;

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

    /// @notice Whether a hospital did what a phase of a round asks: advertise, deal, check, commit, endorse, reveal.
    /// @dev After ADVERTISE, SHARE and COMPLAIN are closed: whether it goes on.
    /// @param round The round.
    /// @param phase The phase; FROZEN means membership in the frozen set.
    /// @param hospital The hospital.
    /// @return Whether it did.
    function hasActed(uint64 round, Phase phase, address hospital) external view returns (bool);

    /// @notice Whether a member attested a round.
    /// @param round The round.
    /// @param member The auditor or hospital.
    /// @return Whether it did.
    function hasAttested(uint64 round, address member) external view returns (bool);

    /// @notice The newest checkpoint of a keeper.
    /// @param keeper The operator, a coordinator or an auditor.
    /// @return Its size; 0 without one.
    function checkpointSize(address keeper) external view returns (uint64);

    /// @notice A checkpoint of a keeper.
    /// @param keeper The operator, a coordinator or an auditor.
    /// @param size Its size.
    /// @return Its root; zero without one.
    function checkpointRoot(address keeper, uint64 size) external view returns (bytes32);

    /// @notice The version of the rules in this contract, as {IKeyAuthority-version}.
    /// @return Three numbers with dots between.
    function version() external view returns (string memory);

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
