// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FederationLedger} from "../../contracts/FederationLedger.sol";
import {IFederationLedger} from "../../contracts/IFederationLedger.sol";
import {IKeyAuthority} from "../../contracts/IKeyAuthority.sol";
import {KeyAuthority} from "../../contracts/KeyAuthority.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {vm} from "./Vm.sol";

/// @title Anybody tries anything in any order.
contract Anybody {
    KeyAuthority public immutable authority;
    FederationLedger public immutable ledger;

    /// @notice How many rounds became final, as their finalisation was accepted.
    uint256 public finals;

    /// @notice The model of the last accepted finalisation.
    bytes32 public lastFinal = bytes32(uint256(1));

    address[] private _actors;

    /// @notice Found a consortium of three hospitals, two auditors and a coordinator; this contract is the operator.
    constructor() {
        authority = new KeyAuthority(bytes32(uint256(9)));
        ledger = new FederationLedger(authority, IFederationLedger(address(0)));
        for (uint160 i = 0; i < 3; ++i) _admit(address(0x100 + i), IKeyAuthority.Role.HOSPITAL, true);
        for (uint160 i = 0; i < 2; ++i) _admit(address(0x200 + i), IKeyAuthority.Role.AUDITOR, false);
        _admit(address(0x300), IKeyAuthority.Role.COORDINATOR, false);
        vm.prank(address(0x300));
        ledger.openFederation(0, lastFinal, 0, 0);
    }

    /// @notice The coordinator opens a round of all three hospitals.
    /// @param need How many must commit.
    function open(uint8 need) external {
        address[] memory roster = _hospitals(3);
        IFederationLedger.Terms memory terms = IFederationLedger.Terms({
            protection: IFederationLedger.Protection.SEALED,
            minCommitments: need % 5,
            attestations: need % 3,
            threshold: 0,
            parameters: 1,
            configDigest: 0,
            stepTimeout: 0,
            commitDeadline: uint64(block.timestamp + 50),
            closeDeadline: uint64(block.timestamp + 100)
        });
        uint64 round = ledger.lastRound() + 1;
        bytes32 model = ledger.currentModel();
        vm.prank(address(0x300)); // for the very next call
        try ledger.openRound(round, terms, roster, model) {} catch {}
    }

    /// @notice Anybody commits.
    /// @param who Which actor.
    /// @param digest What.
    function commit(uint8 who, bytes32 digest) external {
        uint64 round = ledger.lastRound();
        vm.prank(_actors[who % 4]);
        try ledger.commitUpdate(round, digest) {} catch {}
    }

    /// @notice Anybody freezes the first hospitals.
    /// @param who Which actor.
    /// @param count How many hospitals.
    function freeze(uint8 who, uint8 count) external {
        uint64 round = ledger.lastRound();
        address[] memory hospitals = _hospitals(count < 64 ? count % 4 : 3);
        vm.prank(who % 2 == 0 ? address(0x300) : _actors[who % _actors.length]);
        try ledger.freezeRound(round, hospitals) {} catch {}
    }

    /// @notice Anybody proposes.
    /// @param who Which actor.
    /// @param model What.
    function propose(uint8 who, bytes32 model) external {
        uint64 round = ledger.lastRound();
        vm.prank(who % 2 == 0 ? address(0x300) : _actors[who % _actors.length]);
        try ledger.proposeModel(round, model, 0) {} catch {}
    }

    /// @notice Anybody attests what was proposed.
    /// @param who Which actor.
    function attest(uint8 who) external {
        uint64 round = ledger.lastRound();
        bytes32 model = ledger.roundState(round).proposedModel;
        vm.prank(_actors[who % _actors.length]);
        try ledger.attestModel(round, model, 0) {} catch {}
    }

    /// @notice Anybody finalises.
    /// @param who Which actor.
    function finalise(uint8 who) external {
        uint64 round = ledger.lastRound();
        vm.prank(who % 2 == 0 ? address(0x300) : _actors[who % _actors.length]);
        try ledger.finaliseRound(round) {
            ++finals;
            lastFinal = ledger.roundState(round).proposedModel;
        } catch {}
    }

    /// @notice Anybody aborts.
    /// @param who Which actor.
    function abort(uint8 who) external {
        uint64 round = ledger.lastRound();
        vm.prank(_actors[who % _actors.length]);
        try ledger.abortRound(round, "no") {} catch {}
    }

    /// @notice Time passes.
    /// @param by Seconds.
    function pass(uint8 by) external {
        vm.warp(block.timestamp + by / 16);
    }

    function _admit(address account, IKeyAuthority.Role role, bool withKey) private {
        _actors.push(account);
        authority.registerMember(account, uint8(role), "m");
        if (!withKey) return;
        (uint256 x, uint256 y) = vm.publicKeyP256(5);
        bytes memory key = abi.encodePacked(bytes1(0x04), x, y);
        bytes memory head = abi.encodePacked("BAFL/1/pop", bytes32(uint256(9)), uint64(block.chainid));
        bytes memory tail = abi.encodePacked(address(authority), account, uint32(1), key);
        (bytes32 r, bytes32 s) = vm.signP256(5, sha256(bytes.concat(head, tail)));
        if (uint256(s) > P256.N / 2) s = bytes32(P256.N - uint256(s));
        vm.prank(account);
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

    /// @notice A fresh consortium.
    function setUp() external {
        _anybody = new Anybody();
    }

    /// @notice What the invariant runs call; everything else would only be refused.
    /// @return targets The one contract.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_anybody);
    }

    /// @notice The only way to another model is an accepted finalisation.
    function invariantModelChangesByFinalisationOnly() external view {
        require(_anybody.ledger().currentModel() == _anybody.lastFinal(), "the model changed otherwise");
    }

    /// @notice Every round before the last ended, and as many are final as finalisations were accepted.
    function invariantRoundsEndBeforeTheNext() external view {
        FederationLedger ledger = _anybody.ledger();
        uint256 finals = 0;
        for (uint64 round = 1; round <= ledger.lastRound(); ++round) {
            IFederationLedger.Phase phase = ledger.roundState(round).phase;
            bool ended = phase == IFederationLedger.Phase.FINAL || phase == IFederationLedger.Phase.ABORTED;
            require(ended || round == ledger.lastRound(), "an old round is open");
            if (phase == IFederationLedger.Phase.FINAL) ++finals;
        }
        require(finals == _anybody.finals(), "a round became final otherwise");
    }

    /// @notice Counters agree with what they count, and a round past a phase met that phase's thresholds.
    function invariantThresholdsHold() external view {
        FederationLedger ledger = _anybody.ledger();
        uint64 round = ledger.lastRound();
        IFederationLedger.RoundState memory state = ledger.roundState(round);
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
}
