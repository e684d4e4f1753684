// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {ICeremonies} from "../../contracts/authority/ICeremonies.sol";
import {IMembers} from "../../contracts/authority/IMembers.sol";
import {IRequests} from "../../contracts/authority/IRequests.sol";
import {ISteps} from "../../contracts/lib/ISteps.sol";
import {KeyAuthority} from "../../contracts/authority/KeyAuthority.sol";
import {actAs, vm} from "./Vm.sol";

/// @title The largest committee, and inputs that no vector lists.
contract AuthorityLimitsTest {
    /// @dev The most gas one transaction may use (EIP-7825).
    uint256 private constant GAS_CAP = 1 << 24;
    uint256 private constant LARGEST = 32;
    uint256 private constant SCALAR = 7;
    uint64 private constant LATER = 100 days;
    address private constant HOSPITAL = address(0x100);
    address private constant OPERATOR = address(0x0B0);

    KeyAuthority private _authority;
    address[] private _trustees;
    address[] private _none;

    /// @notice A consortium of one hospital and 33 trustees.
    function setUp() external {
        actAs(OPERATOR);
        _authority = new KeyAuthority(bytes32(uint256(1)));
        _admit(HOSPITAL, IMembers.Role.HOSPITAL);
        for (uint160 i = 0; i < LARGEST + 1; ++i) {
            _trustees.push(address(0x10000 + 3 * i));
            _admit(_trustees[i], IMembers.Role.TRUSTEE);
        }
    }

    /// @notice A committee of 32 is made, answers, and is refreshed, each step within the gas of a transaction.
    function testTheLargestCommitteeFits() external {
        address[] memory all = _first(LARGEST);
        uint16 threshold = uint16(LARGEST);
        for (uint32 number = 1; number <= 2; ++number) {
            uint256 gas = gasleft();
            actAs(OPERATOR);
            _authority.startCeremony(1, number, number == 1 ? 1 : 3, threshold, all, all, 50, LATER);
            require(gas - gasleft() < GAS_CAP / 4, "startCeremony needs too much gas");
            bytes memory vector = new bytes(33 * (number == 1 ? LARGEST : LARGEST - 1));
            bytes memory complaints = "";
            for (uint256 i = 0; i < LARGEST; ++i) {
                complaints = bytes.concat(complaints, bytes20(all[i]), new bytes(97));
            }
            for (uint256 i = 0; i < LARGEST; ++i) _commit(number, all[i], vector);
            actAs(OPERATOR);
            _authority.closeCeremonyPhase(1, number, 1, all);
            for (uint256 i = 0; i < LARGEST; ++i) {
                actAs(all[i]);
                _authority.deal(1, number, vector, new bytes(65), 0);
            }
            actAs(OPERATOR);
            _authority.closeCeremonyPhase(1, number, 2, all);
            for (uint256 i = 0; i < LARGEST; ++i) {
                actAs(all[i]);
                gas = gasleft();
                _authority.checkDealings(1, number, complaints);
                require(gas - gasleft() < GAS_CAP / 4, "checkDealings needs too much gas");
            }
            actAs(OPERATOR);
            _authority.closeCeremonyPhase(1, number, 3, all);
            for (uint256 i = 0; i < LARGEST; ++i) {
                require(_authority.committeeInForce(1) == number - 1, "in force too early");
                actAs(all[i]);
                _authority.confirmCeremony(1, number, new bytes(33), 0);
            }
            require(_authority.committeeInForce(1) == number, "not in force");
        }
        actAs(HOSPITAL);
        uint64 request = _authority.requestDecryption(1, 2, 0, 0, 1, LATER);
        for (uint256 i = 0; i < LARGEST; ++i) {
            actAs(all[i]);
            _authority.approveDecryption(request, 0);
        }
        actAs(HOSPITAL);
        _authority.fulfilDecryption(request);
    }

    /// @notice 33 receivers are one too many.
    function testOneMoreIsRefused() external {
        address[] memory all = _first(LARGEST + 1);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.CeremonyInvalid.selector));
        actAs(OPERATOR);
        _authority.startCeremony(1, 1, 1, 2, all, all, 50, LATER);
    }

    /// @notice Numbers that name nothing are refused by name, not by a panic.
    /// @param keyUse Any number.
    /// @param kind Any number.
    function testFuzzUnknownUsesAndKinds(uint8 keyUse, uint8 kind) external {
        address[] memory all = _first(3);
        vm.assume(keyUse == 0 || keyUse > 3 || kind == 0 || kind > 4);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.CeremonyInvalid.selector));
        actAs(OPERATOR);
        _authority.startCeremony(keyUse, 1, kind, 2, all, all, 50, LATER);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.WrongCeremony.selector, 0, 1));
        actAs(OPERATOR);
        _authority.commitDealing(keyUse, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(ISteps.WrongPhase.selector, 0, 0));
        actAs(OPERATOR);
        _authority.confirmCeremony(keyUse, 0, "", 0);
        if (keyUse >= 1 && keyUse <= 3) return;
        actAs(HOSPITAL);
        vm.expectRevert(abi.encodeWithSelector(IMembers.WrongRole.selector, HOSPITAL));
        _authority.requestDecryption(keyUse, 1, 0, 0, 1, LATER);
    }

    /// @notice So are phases.
    /// @param phase Any number.
    function testFuzzUnknownPhases(uint8 phase) external {
        vm.assume(phase != 1);
        address[] memory all = _first(3);
        actAs(OPERATOR);
        _authority.startCeremony(1, 1, 1, 2, all, all, 50, LATER);
        vm.expectRevert(abi.encodeWithSelector(ISteps.WrongPhase.selector, 1, 1));
        actAs(OPERATOR);
        _authority.closeCeremonyPhase(1, 1, phase, _none);
    }

    /// @notice So are purposes and reasons.
    /// @param purpose Any number.
    /// @param reason Any number.
    function testFuzzUnknownPurposesAndReasons(uint8 purpose, uint8 reason) external {
        vm.assume((purpose == 0 || purpose > 6) && (reason == 0 || reason > 5));
        _dealAlone();
        actAs(HOSPITAL);
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestInvalid.selector));
        _authority.requestDecryption(1, 1, 0, 0, purpose, LATER);
        actAs(HOSPITAL);
        _authority.requestDecryption(1, 1, 0, 0, 1, LATER);
        actAs(_trustees[0]);
        vm.expectRevert(abi.encodeWithSelector(IRequests.RequestInvalid.selector));
        _authority.refuseDecryption(1, reason);
        actAs(_trustees[0]);
        _authority.approveDecryption(1, 0);
    }

    /// @notice Any dealing but the one committed to is refused.
    /// @param vector Any points.
    /// @param proof Any proof.
    /// @param bundle Any digest.
    function testFuzzDealings(bytes calldata vector, bytes calldata proof, bytes32 bundle) external {
        address[] memory all = _first(3);
        actAs(OPERATOR);
        _authority.startCeremony(1, 1, 1, 2, all, all, 50, LATER);
        for (uint256 i = 0; i < 3; ++i) _commit(1, all[i], new bytes(66));
        actAs(OPERATOR);
        _authority.closeCeremonyPhase(1, 1, 1, all);
        vm.assume(bundle != 0 && vector.length != 66);
        actAs(all[0]);
        vm.expectRevert(abi.encodeWithSelector(ISteps.LengthInvalid.selector, 66, vector.length));
        _authority.deal(1, 1, vector, proof, bundle);
        actAs(all[0]);
        vm.expectRevert(abi.encodeWithSelector(ICeremonies.DealingMismatch.selector, all[0]));
        _authority.deal(1, 1, new bytes(66), new bytes(65), bundle);
        actAs(all[0]);
        _authority.deal(1, 1, new bytes(66), new bytes(65), 0);
    }

    /// @dev The operator deals to three trustees, two of whom confirm.
    function _dealAlone() private {
        address[] memory operator = new address[](1);
        operator[0] = OPERATOR;
        actAs(OPERATOR);
        _authority.startCeremony(1, 1, 2, 2, operator, _first(3), 50, LATER);
        bytes32 digest = _digest(1, OPERATOR, new bytes(66));
        actAs(OPERATOR);
        _authority.commitDealing(1, 1, digest);
        actAs(OPERATOR);
        _authority.closeCeremonyPhase(1, 1, 1, operator);
        actAs(OPERATOR);
        _authority.deal(1, 1, new bytes(66), new bytes(65), 0);
        actAs(OPERATOR);
        _authority.closeCeremonyPhase(1, 1, 2, operator);
        vm.warp(block.timestamp + 51);
        actAs(OPERATOR);
        _authority.closeCeremonyPhase(1, 1, 3, operator);
        for (uint256 i = 0; i < 2; ++i) {
            actAs(_trustees[i]);
            _authority.confirmCeremony(1, 1, new bytes(33), 0);
        }
    }

    function _commit(uint32 number, address dealer, bytes memory vector) private {
        bytes32 digest = _digest(number, dealer, vector);
        actAs(dealer);
        _authority.commitDealing(1, number, digest);
    }

    function _admit(address member, IMembers.Role role) private {
        (uint256 x, uint256 y) = vm.publicKeyP256(SCALAR);
        bytes memory key = abi.encodePacked(bytes1(0x04), x, y);
        actAs(OPERATOR);
        _authority.registerMember(member, uint8(role), vm.toString(member));
        bytes memory head = abi.encodePacked("BAFL/1/pop", bytes32(uint256(1)), uint64(block.chainid));
        bytes memory tail = abi.encodePacked(address(_authority), member, uint32(1), key);
        (bytes32 r, bytes32 s) = vm.signP256(SCALAR, sha256(bytes.concat(head, tail)));
        if (uint256(s) > P256.N / 2) s = bytes32(P256.N - uint256(s));
        actAs(member);
        _authority.registerKey(1, key, abi.encodePacked(r, s));
    }

    function _first(uint256 count) private view returns (address[] memory accounts) {
        accounts = new address[](count);
        for (uint256 i = 0; i < count; ++i) accounts[i] = _trustees[i];
    }

    /// @dev Of a dealing with a proof and a bundle of zeros.
    function _digest(uint32 number, address dealer, bytes memory vector) private view returns (bytes32) {
        bytes memory head = abi.encodePacked("BAFL/1/dealing", bytes32(uint256(1)), uint64(block.chainid));
        bytes memory tail = abi.encodePacked(address(_authority), uint8(1), number, dealer, vector);
        return sha256(bytes.concat(head, tail, new bytes(65), new bytes(32)));
    }
}
