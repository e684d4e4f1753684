// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FederationLedger} from "../../contracts/ledger/FederationLedger.sol";
import {IFederationLedger} from "../../contracts/ledger/IFederationLedger.sol";
import {IMembers} from "../../contracts/authority/IMembers.sol";
import {ISteps} from "../../contracts/lib/ISteps.sol";
import {KeyAuthority} from "../../contracts/authority/KeyAuthority.sol";
import {actAs, vm} from "./Vm.sol";

/// @title Rounds of many hospitals: eight transactions, whose gas does not grow, and what each of them refuses.
contract WideTest {
    address private constant COORDINATOR = address(0xC0);
    address private constant HOSPITAL = address(0x40);
    address private constant OPERATOR = address(0x0B0);
    bytes32 private constant MODEL = bytes32(uint256(1));
    bytes32 private constant NEXT = bytes32(uint256(2));
    bytes32 private constant ROOT = bytes32(uint256(3));
    bytes32 private constant FILE = bytes32(uint256(4));
    uint16 private constant SIZE = 10;
    uint16 private constant FEWEST = 8;

    FederationLedger private _ledger;

    /// @notice A consortium with a coordinator and a hospital.
    function setUp() external {
        vm.warp(1_800_000_000);
        actAs(OPERATOR);
        KeyAuthority authority = new KeyAuthority(bytes32(uint256(1)));
        _ledger = new FederationLedger(authority, IFederationLedger(address(0)));
        actAs(OPERATOR);
        authority.registerMember(COORDINATOR, uint8(IMembers.Role.COORDINATOR), "c");
        actAs(OPERATOR);
        authority.registerMember(HOSPITAL, uint8(IMembers.Role.HOSPITAL), "h");
        actAs(COORDINATOR);
        _ledger.openFederation(0, MODEL, 0, 0);
    }

    /// @notice A wide round of 16,384 hospitals is final with the gas of one of ten.
    function testARoundCostsTheSameForAnyNumberOfHospitals() external {
        uint256 few = _round(1, MODEL, SIZE);
        uint256 many = _round(2, NEXT, 16_384);
        require(_ledger.currentModel() == NEXT && _ledger.lastRound() == 2, "the round is not final");
        require(many < few, "the first round pays for fresh slots, the second must not cost more");
    }

    /// @notice A round cannot be opened with terms that let two sets be agreed on, or that contradict each other.
    function testWrongTermsAreRefused() external {
        _refusesTerms(3, 3, SIZE, FEWEST, 3); // odd, and not everybody
        _refusesTerms(SIZE - 1, 5, SIZE, FEWEST, 3); // five of ten holders: two sets could both get enough
        _refusesTerms(SIZE - 1, 11, SIZE, FEWEST, 3); // more shares than holders
        _refusesTerms(4, 3, SIZE, 5, 3); // half of the roster
        _refusesTerms(4, 3, SIZE, FEWEST, 11); // more replayers than hospitals
        _refusesTerms(1, 2, 2, 2, 0); // two holders hide nothing
        _refusesTerms(4, 3, 16_385, 16_000, 0);
        IFederationLedger.Terms memory terms = _terms(6, FEWEST);
        terms.protection = IFederationLedger.Protection.MASKED;
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IFederationLedger.TermsInvalid.selector));
        _ledger.openWideRound(1, terms, SIZE - 1, 0, SIZE, MODEL, FILE);
    }

    /// @notice A phase ends early only with the steps of all; and never with more than may act, or too few.
    function testCountsAndDeadlinesAreChecked() external {
        _open(1, MODEL, SIZE);
        _refusesSteps(2, SIZE + 1, SIZE, SIZE + 1, SIZE);
        _refusesSteps(2, SIZE, SIZE + 1, SIZE + 1, SIZE);
        uint64 deadline = uint64(block.timestamp) + 60;
        bytes memory early = abi.encodeWithSelector(ISteps.DeadlineNotPassed.selector, deadline);
        actAs(COORDINATOR);
        vm.expectRevert(early);
        _ledger.anchorSteps(1, 2, SIZE - 1, SIZE - 1, ROOT, FILE);
        vm.warp(deadline);
        actAs(COORDINATOR);
        vm.expectRevert(early);
        _ledger.anchorSteps(1, 2, SIZE - 1, SIZE - 1, ROOT, FILE);
        vm.warp(deadline + 1);
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(ISteps.BelowThreshold.selector, FEWEST - 1, FEWEST));
        _ledger.anchorSteps(1, 2, SIZE - 1, FEWEST - 1, ROOT, FILE);
        _steps(2, SIZE - 1, FEWEST);
        require(_ledger.roundState(1).going == FEWEST, "others go on");
        _refusesSteps(3, FEWEST + 1, FEWEST, FEWEST + 1, FEWEST);
        _steps(3, FEWEST, FEWEST);
    }

    /// @notice Answers and attestations are counted, and answers are at most the frozen set.
    function testAnswersAndAttestationsAreCounted() external {
        _open(1, MODEL, SIZE);
        for (uint8 phase = 2; phase < 5; ++phase) _steps(phase, SIZE, SIZE);
        _steps(5, SIZE, FEWEST);
        require(_ledger.roundState(1).frozen == FEWEST, "another set");
        _steps(7, FEWEST, FEWEST);
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IFederationLedger.TooFewReveals.selector, 5, 6));
        _ledger.proposeWide(1, 5, ROOT, FILE, NEXT, FILE);
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IFederationLedger.BatchTooLarge.selector, FEWEST + 1, FEWEST));
        _ledger.proposeWide(1, FEWEST + 1, ROOT, FILE, NEXT, FILE);
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(ISteps.WrongPhase.selector, 1, 8));
        _ledger.finaliseWide(1, SIZE, ROOT, FILE);
        actAs(COORDINATOR);
        _ledger.proposeWide(1, 6, ROOT, FILE, NEXT, FILE);
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IFederationLedger.TooFewAttestations.selector, 6, 7));
        _ledger.finaliseWide(1, 6, ROOT, FILE);
        actAs(COORDINATOR);
        _ledger.finaliseWide(1, 7, ROOT, FILE);
        require(_ledger.currentModel() == NEXT, "another model");
    }

    /// @notice Phases come in order, by who opened the round, and not with the steps of masked rounds.
    function testOtherStepsAreRefused() external {
        _open(1, MODEL, SIZE);
        bytes memory wrong = abi.encodeWithSelector(ISteps.WrongPhase.selector, 1, 2);
        actAs(COORDINATOR);
        vm.expectRevert(wrong);
        _ledger.anchorSteps(1, 3, SIZE, SIZE, ROOT, FILE);
        actAs(HOSPITAL);
        vm.expectRevert(wrong);
        _ledger.advertiseKeys(1, new bytes(33), new bytes(33));
        actAs(COORDINATOR);
        vm.expectRevert(wrong);
        _ledger.closePhase(1, 2, new address[](0));
        actAs(HOSPITAL);
        vm.expectRevert(abi.encodeWithSelector(IMembers.WrongRole.selector, HOSPITAL));
        _ledger.anchorSteps(1, 2, SIZE, SIZE, ROOT, FILE);
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IFederationLedger.WrongRound.selector, 1, 2));
        _ledger.anchorSteps(2, 2, SIZE, SIZE, ROOT, FILE);
    }

    /// @notice A hospital can decline, state an omission, and abort after the close deadline.
    function testAHospitalCanStateAndAbort() external {
        _open(1, MODEL, SIZE);
        actAs(HOSPITAL);
        _ledger.makeStatement(1, IFederationLedger.Statement.DECLINE, FILE, "rule");
        actAs(HOSPITAL);
        _ledger.makeStatement(1, IFederationLedger.Statement.OMITTED, FILE, "share");
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IMembers.WrongRole.selector, COORDINATOR));
        _ledger.makeStatement(1, IFederationLedger.Statement.OMITTED, FILE, "share");
        vm.warp(block.timestamp + 2001);
        actAs(HOSPITAL);
        _ledger.abortRound(1, "late");
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(ISteps.WrongPhase.selector, 1, 11));
        _ledger.anchorSteps(1, 2, SIZE, SIZE, ROOT, FILE);
        _open(2, MODEL, SIZE);
    }

    function _round(uint64 round, bytes32 from, uint16 size) private returns (uint256 gas) {
        gas = gasleft();
        _open(round, from, size);
        for (uint8 phase = 2; phase <= 5; ++phase) _steps(round, phase, size, size);
        _steps(round, 7, size, size);
        actAs(COORDINATOR);
        _ledger.proposeWide(round, size, ROOT, FILE, NEXT, FILE);
        actAs(COORDINATOR);
        _ledger.finaliseWide(round, size, ROOT, FILE);
        return gas - gasleft();
    }

    function _open(uint64 round, bytes32 from, uint16 size) private {
        actAs(COORDINATOR);
        _ledger.openWideRound(round, _terms(6, (size / 10) * 8), 8, 0, size, from, FILE);
    }

    function _steps(uint8 phase, uint16 count, uint16 going) private {
        _steps(1, phase, count, going);
    }

    function _steps(uint64 round, uint8 phase, uint16 count, uint16 going) private {
        actAs(COORDINATOR);
        _ledger.anchorSteps(round, phase, count, going, ROOT, FILE);
    }

    function _refusesSteps(uint8 phase, uint16 count, uint16 going, uint16 actual, uint16 most) private {
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IFederationLedger.BatchTooLarge.selector, actual, most));
        _ledger.anchorSteps(1, phase, count, going, ROOT, FILE);
    }

    function _refusesTerms(uint16 degree, uint16 threshold, uint16 size, uint16 fewest, uint16 replayers) private {
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IFederationLedger.TermsInvalid.selector));
        _ledger.openWideRound(1, _terms(threshold, fewest), degree, replayers, size, MODEL, FILE);
    }

    function _terms(uint16 threshold, uint16 fewest) private view returns (IFederationLedger.Terms memory) {
        return
            IFederationLedger.Terms({
                protection: IFederationLedger.Protection.WIDE,
                minCommitments: fewest,
                attestations: 7,
                threshold: threshold,
                parameters: 10,
                configDigest: FILE,
                stepTimeout: 60,
                commitDeadline: uint64(block.timestamp) + 1000,
                closeDeadline: uint64(block.timestamp) + 2000
            });
    }
}
