// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {FederationLedger} from "../../contracts/ledger/FederationLedger.sol";
import {IFederationLedger} from "../../contracts/ledger/IFederationLedger.sol";
import {IMembers} from "../../contracts/authority/IMembers.sol";
import {KeyAuthority} from "../../contracts/authority/KeyAuthority.sol";
import {actAs, vm} from "./Vm.sol";

/// @title Anybody tries anything in any order.
contract Anybody {
    address private constant OPERATOR = address(0x400);

    KeyAuthority public immutable authority;
    FederationLedger public immutable ledger;

    /// @notice How many rounds became final, as their finalisation was accepted.
    uint256 public finals;

    /// @notice The model of the last accepted finalisation.
    bytes32 public lastFinal = bytes32(uint256(1));

    address[] private _actors;

    /// @notice Found a consortium of three hospitals, two auditors and a coordinator.
    constructor() {
        actAs(OPERATOR);
        authority = new KeyAuthority(bytes32(uint256(9)));
        ledger = new FederationLedger(authority, IFederationLedger(address(0)));
        for (uint160 i = 0; i < 3; ++i) _admit(address(0x100 + i), IMembers.Role.HOSPITAL, true);
        for (uint160 i = 0; i < 2; ++i) _admit(address(0x200 + i), IMembers.Role.AUDITOR, false);
        _admit(address(0x300), IMembers.Role.COORDINATOR, false);
        actAs(address(0x300));
        ledger.openFederation(0, lastFinal, 0, 0);
    }

    /// @notice The coordinator opens a sealed round of all three hospitals.
    /// @param need How many must commit.
    function open(uint8 need) external {
        _open(IFederationLedger.Protection.SEALED, need % 5, 0);
    }

    /// @notice The coordinator opens a masked round of all three hospitals.
    /// @param need How many must commit.
    /// @param threshold How many must endorse and reveal.
    function openMasked(uint8 need, uint8 threshold) external {
        if (need < 128) _open(IFederationLedger.Protection.MASKED, 2 + (need % 2), 2);
        else _open(IFederationLedger.Protection.MASKED, need % 5, threshold % 5);
    }

    /// @notice Anybody advertises keys.
    /// @param who Which actor.
    function advertise(uint8 who) external {
        uint64 round = ledger.lastRound();
        actAs(_actors[who % 4]);
        try ledger.advertiseKeys(round, new bytes(33), new bytes(33)) {} catch {}
    }

    /// @notice Anybody deals shares.
    /// @param who Which actor.
    /// @param points How long the vectors are.
    function deal(uint8 who, uint8 points) external {
        uint64 round = ledger.lastRound();
        bytes memory vector = new bytes(33 * uint256(points < 200 ? 2 : points % 5));
        actAs(_actors[who % 4]);
        try ledger.dealShares(round, vector, vector, 0) {} catch {}
    }

    /// @notice Anybody checks shares.
    /// @param who Which actor.
    /// @param complaints Any bytes.
    function check(uint8 who, bytes calldata complaints) external {
        uint64 round = ledger.lastRound();
        actAs(_actors[who % 4]);
        try ledger.checkShares(round, complaints) {} catch {}
    }

    /// @notice Anybody closes any phase with the first hospitals.
    /// @param who Which actor.
    /// @param phase Which phase.
    /// @param count How many hospitals.
    function close(uint8 who, uint8 phase, uint8 count) external {
        uint64 round = ledger.lastRound();
        address[] memory hospitals = _hospitals(count < 64 ? count % 4 : 3);
        if (phase >= 16) phase = uint8(ledger.roundState(round).phase);
        actAs(who % 2 == 0 ? address(0x300) : _actors[who % _actors.length]);
        try ledger.closePhase(round, phase, hospitals) {} catch {}
    }

    /// @notice Anybody endorses the frozen set, or another.
    /// @param who Which actor.
    /// @param other Mostly even: the frozen set.
    function endorse(uint8 who, bytes32 other) external {
        uint64 round = ledger.lastRound();
        bytes32 set = uint256(other) % 8 == 7 ? other : ledger.roundState(round).setDigest;
        actAs(_actors[who % 4]);
        try ledger.endorseSet(round, set, new bytes(65)) {} catch {}
    }

    /// @notice Anybody reveals shares for the frozen set, or another.
    /// @param who Which actor.
    /// @param other Mostly even: the frozen set.
    function reveal(uint8 who, bytes32 other) external {
        uint64 round = ledger.lastRound();
        bytes32 set = uint256(other) % 8 == 7 ? other : ledger.roundState(round).setDigest;
        actAs(_actors[who % 4]);
        try ledger.revealShares(round, set, other) {} catch {}
    }

    /// @notice Some hospitals and the coordinator do what comes next, so that runs get to the end.
    /// @param bits Which hospitals; half of the numbers stand for all. While others are waited for, time passes.
    /// @param count How many hospitals the coordinator goes on with.
    function goOn(uint8 bits, uint8 count) external {
        uint64 round = ledger.lastRound();
        IFederationLedger.RoundState memory state = ledger.roundState(round);
        for (uint8 who = 0; who < 3; ++who) {
            if (bits < 128 && (bits >> who) & 1 == 0) continue;
            if (state.phase == IFederationLedger.Phase.ADVERTISE) this.advertise(who);
            if (state.phase == IFederationLedger.Phase.SHARE) this.deal(who, 2);
            if (state.phase == IFederationLedger.Phase.COMPLAIN) this.check(who, "");
            if (state.phase == IFederationLedger.Phase.MASK) this.commit(who, bytes32(uint256(who)));
            if (state.phase == IFederationLedger.Phase.AGREE) this.endorse(who, 0);
            if (state.phase == IFederationLedger.Phase.UNMASK) this.reveal(who, 0);
            if (state.phase == IFederationLedger.Phase.PROPOSED) this.attest(who);
        }
        bool freezing = state.phase == IFederationLedger.Phase.MASK;
        if (bits < 64) vm.warp(freezing ? state.commitDeadline + 1 : state.phaseSince + state.stepTimeout + 1);
        this.close(0, 16, count);
        this.freeze(0, count);
        this.propose(0, bytes32(uint256(round)));
    }

    /// @notice Anybody commits.
    /// @param who Which actor.
    /// @param digest What.
    function commit(uint8 who, bytes32 digest) external {
        uint64 round = ledger.lastRound();
        actAs(_actors[who % 4]);
        try ledger.commitUpdate(round, digest) {} catch {}
    }

    /// @notice Anybody freezes the first hospitals.
    /// @param who Which actor.
    /// @param count How many hospitals.
    function freeze(uint8 who, uint8 count) external {
        uint64 round = ledger.lastRound();
        address[] memory hospitals = _hospitals(count < 64 ? count % 4 : 3);
        actAs(who % 2 == 0 ? address(0x300) : _actors[who % _actors.length]);
        try ledger.freezeRound(round, hospitals) {} catch {}
    }

    /// @notice Anybody proposes.
    /// @param who Which actor.
    /// @param model What.
    function propose(uint8 who, bytes32 model) external {
        uint64 round = ledger.lastRound();
        actAs(who % 2 == 0 ? address(0x300) : _actors[who % _actors.length]);
        try ledger.proposeModel(round, model, 0) {} catch {}
    }

    /// @notice Anybody attests what was proposed.
    /// @param who Which actor.
    function attest(uint8 who) external {
        uint64 round = ledger.lastRound();
        bytes32 model = ledger.roundState(round).proposedModel;
        actAs(_actors[who % _actors.length]);
        try ledger.attestModel(round, model, 0) {} catch {}
    }

    /// @notice Anybody finalises.
    /// @param who Which actor.
    function finalise(uint8 who) external {
        uint64 round = ledger.lastRound();
        actAs(who % 2 == 0 ? address(0x300) : _actors[who % _actors.length]);
        try ledger.finaliseRound(round) {
            ++finals;
            lastFinal = ledger.roundState(round).proposedModel;
        } catch {}
    }

    /// @notice Anybody aborts.
    /// @param who Which actor.
    function abort(uint8 who) external {
        uint64 round = ledger.lastRound();
        actAs(_actors[who % _actors.length]);
        try ledger.abortRound(round, "no") {} catch {}
    }

    /// @notice Time passes.
    /// @param by Seconds.
    function pass(uint8 by) external {
        vm.warp(block.timestamp + by / 16);
    }

    function _open(IFederationLedger.Protection protection, uint16 need, uint16 threshold) private {
        address[] memory roster = _hospitals(3);
        IFederationLedger.Terms memory terms = IFederationLedger.Terms({
            protection: protection,
            minCommitments: need,
            attestations: 1 + (need % 2),
            threshold: threshold,
            parameters: 1,
            configDigest: 0,
            stepTimeout: 30,
            commitDeadline: uint64(block.timestamp + 200),
            closeDeadline: uint64(block.timestamp + 400)
        });
        uint64 round = ledger.lastRound() + 1;
        bytes32 model = ledger.currentModel();
        actAs(address(0x300)); // for the very next call
        try ledger.openRound(round, terms, roster, model) {} catch {}
    }

    function _admit(address account, IMembers.Role role, bool withKey) private {
        _actors.push(account);
        actAs(OPERATOR);
        authority.registerMember(account, uint8(role), vm.toString(account));
        if (!withKey) return;
        (uint256 x, uint256 y) = vm.publicKeyP256(5);
        bytes memory key = abi.encodePacked(bytes1(0x04), x, y);
        bytes memory head = abi.encodePacked("BAFL/1/pop", bytes32(uint256(9)), uint64(block.chainid));
        bytes memory tail = abi.encodePacked(address(authority), account, uint32(1), key);
        (bytes32 r, bytes32 s) = vm.signP256(5, sha256(bytes.concat(head, tail)));
        if (uint256(s) > P256.N / 2) s = bytes32(P256.N - uint256(s));
        actAs(account);
        authority.registerKey(1, key, abi.encodePacked(r, s));
    }

    function _hospitals(uint160 count) private pure returns (address[] memory hospitals) {
        hospitals = new address[](count);
        for (uint160 i = 0; i < count; ++i) hospitals[i] = address(0x100 + i);
    }
}

/// @title What holds whatever anybody does.
contract InvariantsTest {
    Anybody private _anybody;

    /// @notice A fresh consortium whose first round is masked and stands where its set is frozen: chance alone seldom
    /// gets so far.
    function setUp() external {
        _anybody = new Anybody();
        _anybody.openMasked(0, 0);
        for (uint256 i = 0; i < 3; ++i) _anybody.goOn(255, 255);
        for (uint8 who = 0; who < 3; ++who) _anybody.commit(who, 0);
        _anybody.freeze(0, 2);
    }

    /// @notice What the invariant runs call; everything else would only be refused.
    /// @return targets The one contract.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_anybody);
    }

    /// @notice Everything below holds; one invariant, since each would be a campaign of its own.
    /// hardhat-config: invariant.runs = 100
    function invariantWhateverAnybodyDoes() external view {
        FederationLedger ledger = _anybody.ledger();
        uint64 last = ledger.lastRound();
        IFederationLedger.RoundState memory state = ledger.roundState(last);
        _modelChangesByFinalisationOnly(ledger);
        _roundsEndBeforeTheNext(ledger, last);
        _thresholdsHold(ledger, last, state);
        if (state.protection != IFederationLedger.Protection.MASKED) return;
        _maskedSetsShrink(ledger, last, state);
        _nothingIsUnmaskedTooEarly(state);
    }

    /// @dev The only way to another model is an accepted finalisation.
    function _modelChangesByFinalisationOnly(FederationLedger ledger) private view {
        require(ledger.currentModel() == _anybody.lastFinal(), "the model changed otherwise");
    }

    /// @dev Every round before the last ended, and as many are final as finalisations were accepted.
    function _roundsEndBeforeTheNext(FederationLedger ledger, uint64 last) private view {
        uint256 finals = 0;
        for (uint64 round = 1; round <= last; ++round) {
            IFederationLedger.Phase phase = ledger.roundState(round).phase;
            bool ended = phase == IFederationLedger.Phase.FINAL || phase == IFederationLedger.Phase.ABORTED;
            require(ended || round == last, "an old round is open");
            if (phase == IFederationLedger.Phase.FINAL) ++finals;
        }
        require(finals == _anybody.finals(), "a round became final otherwise");
    }

    /// @dev Counters agree with what they count, and a round past a phase met that phase's thresholds.
    function _thresholdsHold(
        FederationLedger ledger,
        uint64 round,
        IFederationLedger.RoundState memory state
    ) private view {
        uint256 committed = 0;
        for (uint160 i = 0; i < 3; ++i) {
            (bool made, ) = ledger.commitmentOf(round, address(0x100 + i));
            if (made) ++committed;
        }
        require(committed == state.committed, "commitments were counted wrongly");
        require(ledger.frozenSetOf(round).length == state.frozen, "the frozen set was counted wrongly");
        if (state.phase == IFederationLedger.Phase.FINAL) {
            require(state.attested >= state.attestations && state.attestations > 0, "too few attestations");
        }
        if (state.frozen > 0) require(state.frozen >= state.minCommitments, "too few hospitals");
    }

    /// @dev Who goes on, or is summed, did what was asked before; counters agree with the marks.
    function _maskedSetsShrink(
        FederationLedger ledger,
        uint64 round,
        IFederationLedger.RoundState memory state
    ) private view {
        uint256 advertised = _acted(ledger, round, IFederationLedger.Phase.ADVERTISE);
        uint256 dealt = _acted(ledger, round, IFederationLedger.Phase.SHARE);
        uint256 checkedAll = _acted(ledger, round, IFederationLedger.Phase.COMPLAIN);
        uint256 committed = _acted(ledger, round, IFederationLedger.Phase.MASK);
        uint256 frozen = _acted(ledger, round, IFederationLedger.Phase.FROZEN);
        uint256 endorsed = _acted(ledger, round, IFederationLedger.Phase.AGREE);
        uint256 revealed = _acted(ledger, round, IFederationLedger.Phase.UNMASK);
        bool within = dealt & ~advertised == 0 && checkedAll & ~dealt == 0 && committed & ~checkedAll == 0;
        require(within && frozen & ~committed == 0, "somebody went on without the step before");
        require(endorsed & ~frozen == 0 && revealed & ~frozen == 0, "somebody outside the set endorsed or revealed");
        require(_size(committed) == state.committed && _size(frozen) == state.frozen, "counted wrongly");
        require(_size(endorsed) == state.endorsed && _size(revealed) == state.revealed, "counted wrongly");
        if (state.phase == IFederationLedger.Phase.ADVERTISE) require(_size(advertised) == state.stepped, "stepped");
        if (state.phase == IFederationLedger.Phase.SHARE) require(_size(dealt) == state.stepped, "stepped");
        if (state.phase == IFederationLedger.Phase.COMPLAIN) require(_size(checkedAll) == state.stepped, "stepped");
        if (state.phase == IFederationLedger.Phase.MASK) require(_size(checkedAll) == state.going, "going");
    }

    /// @dev Nothing is revealed before a majority of the round endorsed one set, and no model comes of too little.
    function _nothingIsUnmaskedTooEarly(IFederationLedger.RoundState memory state) private pure {
        require(2 * uint256(state.threshold) > state.rosterSize, "the threshold is no majority");
        require(state.going >= state.threshold, "fewer go on than can unmask");
        if (state.revealed > 0) require(state.endorsed >= state.threshold, "revealed without agreement");
        if (state.proposedModel != 0) require(state.revealed >= state.threshold, "proposed without reveals");
        require((state.setDigest != 0) == (state.frozen > 0), "a set without a digest");
    }

    function _acted(
        FederationLedger ledger,
        uint64 round,
        IFederationLedger.Phase phase
    ) private view returns (uint256 bits) {
        for (uint160 i = 0; i < 3; ++i) if (ledger.hasActed(round, phase, address(0x100 + i))) bits |= 1 << i;
    }

    function _size(uint256 bits) private pure returns (uint256) {
        return (bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1);
    }
}
