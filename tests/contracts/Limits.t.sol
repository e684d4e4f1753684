// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {AddressList} from "../../contracts/lib/AddressList.sol";
import {FederationLedger} from "../../contracts/ledger/FederationLedger.sol";
import {IFederationLedger} from "../../contracts/ledger/IFederationLedger.sol";
import {IMembers} from "../../contracts/authority/IMembers.sol";
import {ISteps} from "../../contracts/lib/ISteps.sol";
import {KeyAuthority} from "../../contracts/authority/KeyAuthority.sol";
import {actAs, vm} from "./Vm.sol";

/// @title The largest round, and inputs that no vector lists.
contract LimitsTest {
    using AddressList for address;
    using AddressList for bytes;

    /// @dev The most gas one transaction may use (EIP-7825).
    uint256 private constant GAS_CAP = 1 << 24;
    uint256 private constant LARGEST = 1024;
    uint256 private constant SCALAR = 7;
    address private constant COORDINATOR = address(0xC0);
    address private constant AUDITOR = address(0xA0);
    address private constant OPERATOR = address(0x0B0);

    KeyAuthority private _authority;
    FederationLedger private _ledger;

    /// @notice A consortium with a coordinator and an auditor.
    function setUp() external {
        actAs(OPERATOR);
        _authority = new KeyAuthority(bytes32(uint256(1)));
        _ledger = new FederationLedger(_authority, IFederationLedger(address(0)));
        actAs(OPERATOR);
        _authority.registerMember(COORDINATOR, uint8(IMembers.Role.COORDINATOR), "c");
        actAs(OPERATOR);
        _authority.registerMember(AUDITOR, uint8(IMembers.Role.AUDITOR), "a");
        actAs(COORDINATOR);
        _ledger.openFederation(0, bytes32(uint256(1)), 0, 0);
    }

    /// @notice A round of 1024 hospitals fits into the gas of a transaction at every step.
    function testTheLargestRoundFits() external {
        address[] memory roster = _hospitals(LARGEST);
        uint256 gas = gasleft();
        actAs(COORDINATOR);
        _ledger.openRound(1, _terms(uint16(LARGEST)), roster, bytes32(uint256(1)));
        require(gas - gasleft() + _calldataGas(LARGEST) < GAS_CAP, "openRound needs too much gas");
        for (uint256 i = 0; i < LARGEST; ++i) {
            actAs(roster[i]);
            _ledger.commitUpdate(1, bytes32(i));
        }
        gas = gasleft();
        actAs(COORDINATOR);
        _ledger.freezeRound(1, roster);
        require(gas - gasleft() + _calldataGas(LARGEST) < GAS_CAP, "freezeRound needs too much gas");
        actAs(COORDINATOR);
        _ledger.proposeModel(1, bytes32(uint256(2)), 0);
        actAs(AUDITOR);
        _ledger.attestModel(1, bytes32(uint256(2)), 0);
        gas = gasleft();
        actAs(COORDINATOR);
        _ledger.finaliseRound(1);
        require(gas - gasleft() < GAS_CAP, "finaliseRound needs too much gas");
        require(_ledger.currentModel() == bytes32(uint256(2)), "another model");
        require(_ledger.frozenSetOf(1).length == LARGEST && _ledger.rosterOf(1).length == LARGEST, "another set");
    }

    /// @notice A masked round of 1024 hospitals fits into the gas of a transaction at every step.
    function testTheLargestMaskedRoundFits() external {
        address[] memory roster = _hospitals(LARGEST);
        _openMasked(roster);
        uint256 threshold = _ledger.roundState(1).threshold;
        bytes memory vector = new bytes(33 * threshold);
        for (uint256 i = 0; i < LARGEST; ++i) {
            actAs(roster[i]);
            _ledger.advertiseKeys(1, new bytes(33), new bytes(33));
        }
        _close(2, roster);
        for (uint256 i = 0; i < LARGEST; ++i) {
            uint256 gas = gasleft();
            actAs(roster[i]);
            _ledger.dealShares(1, vector, vector, 0);
            uint256 used = gas - gasleft() + 21_000 + 2 * vector.length * 40; // EIP-7623: at most 40 gas per byte
            if (i == 0) require(used < GAS_CAP, "dealShares needs too much gas");
        }
        _close(3, roster);
        bytes memory complaints = _complaints(roster);
        for (uint256 i = 0; i < LARGEST; ++i) {
            uint256 gas = gasleft();
            actAs(roster[i]);
            _ledger.checkShares(1, i == 0 ? complaints : new bytes(0));
            uint256 used = gas - gasleft() + 21_000 + complaints.length * 40; // EIP-7623: at most 40 gas per byte
            if (i == 0) require(used < GAS_CAP, "checkShares needs too much gas");
        }
        _close(4, roster);
        for (uint256 i = 0; i < LARGEST; ++i) {
            actAs(roster[i]);
            _ledger.commitUpdate(1, bytes32(i));
        }
        actAs(COORDINATOR);
        _ledger.freezeRound(1, roster);
        bytes32 set = _ledger.roundState(1).setDigest;
        for (uint256 i = 0; i < threshold; ++i) {
            require(_ledger.roundState(1).phase == IFederationLedger.Phase.AGREE, "unmasked too early");
            actAs(roster[i]);
            _ledger.endorseSet(1, set, new bytes(65));
        }
        for (uint256 i = LARGEST - threshold; i < LARGEST; ++i) {
            actAs(roster[i]);
            _ledger.revealShares(1, set, 0);
        }
        actAs(COORDINATOR);
        _ledger.proposeModel(1, bytes32(uint256(2)), 0);
        actAs(roster[LARGEST - 1]);
        _ledger.attestModel(1, bytes32(uint256(2)), 0);
        actAs(COORDINATOR);
        _ledger.finaliseRound(1);
        require(_ledger.currentModel() == bytes32(uint256(2)), "another model");
    }

    /// @notice Fields of any length but the right one are refused with both lengths.
    /// @param field Any bytes.
    function testFuzzLengths(bytes calldata field) external {
        address[] memory roster = _hospitals(3);
        _openMasked(roster);
        vm.assume(field.length != 33);
        bytes memory refusal = abi.encodeWithSelector(ISteps.LengthInvalid.selector, 33, field.length);
        actAs(roster[0]);
        vm.expectRevert(refusal);
        _ledger.advertiseKeys(1, field, field);
        actAs(roster[0]);
        vm.expectRevert(refusal);
        _ledger.advertiseKeys(1, new bytes(33), field);
        for (uint256 i = 0; i < 3; ++i) {
            actAs(roster[i]);
            _ledger.advertiseKeys(1, new bytes(33), new bytes(33));
        }
        _close(2, roster);
        if (field.length == 66) return;
        refusal = abi.encodeWithSelector(ISteps.LengthInvalid.selector, 66, field.length);
        actAs(roster[0]);
        vm.expectRevert(refusal);
        _ledger.dealShares(1, field, new bytes(66), 0);
    }

    /// @notice Terms are accepted exactly when they say what the interface says they must.
    /// @param threshold Any.
    /// @param need Any.
    /// @param timeout Any.
    /// @param size Hospitals in the roster.
    function testFuzzMaskedTerms(uint16 threshold, uint16 need, uint64 timeout, uint8 size) external {
        address[] memory roster = _hospitals(size % 8);
        threshold %= 10;
        need %= 10;
        if (timeout % 4 != 0) timeout %= 100;
        bool right = roster.length >= 3 &&
            2 * threshold > roster.length &&
            threshold <= need &&
            need <= roster.length &&
            timeout > 0 &&
            timeout <= 30 days;
        IFederationLedger.Terms memory terms = _terms(need);
        terms.protection = IFederationLedger.Protection.MASKED;
        terms.threshold = threshold;
        terms.stepTimeout = timeout;
        actAs(COORDINATOR);
        try _ledger.openRound(1, terms, roster, bytes32(uint256(1))) {
            require(right, "wrong terms were accepted");
        } catch (bytes memory refusal) {
            require(!right && bytes4(refusal) == IFederationLedger.TermsInvalid.selector, "right terms were refused");
        }
    }

    /// @notice 1025 hospitals are one too many.
    function testOneMoreIsRefused() external {
        address[] memory roster = new address[](LARGEST + 1);
        for (uint256 i = 0; i < roster.length; ++i) roster[i] = address(uint160(i + 1));
        actAs(COORDINATOR);
        vm.expectRevert(abi.encodeWithSelector(IFederationLedger.TermsInvalid.selector));
        _ledger.openRound(1, _terms(1), roster, bytes32(uint256(1)));
    }

    /// @notice Only the roles 2..5 are given.
    /// @param role Any number.
    function testFuzzRolesOutOfRange(uint8 role) external {
        vm.assume(role < 2 || role > 5);
        vm.expectRevert(abi.encodeWithSelector(IMembers.WrongRole.selector, address(1)));
        actAs(OPERATOR);
        _authority.registerMember(address(1), role, "x");
    }

    /// @notice A random key and a random proof are never accepted.
    /// @param key Any bytes.
    /// @param proof Any bytes.
    function testFuzzRandomProofs(bytes calldata key, bytes calldata proof) external {
        actAs(AUDITOR);
        vm.expectRevert(abi.encodeWithSelector(IMembers.KeyInvalid.selector, AUDITOR));
        _authority.registerKey(1, key, proof);
    }

    /// @notice A stored list finds exactly its own accounts, where they are.
    /// @param steps Distances between neighbours.
    /// @param stranger An account that may be in the list.
    function testFuzzAddressList(uint16[] calldata steps, uint24 stranger) external {
        vm.assume(steps.length <= LARGEST);
        address[] memory accounts = new address[](steps.length);
        uint160 last = 0;
        bool listed = false;
        for (uint256 i = 0; i < steps.length; ++i) {
            last += 1 + uint160(steps[i]);
            accounts[i] = address(last);
            listed = listed || last == stranger;
        }
        bytes memory packed = this.store(accounts).load();
        require(packed.count() == accounts.length, "another length");
        for (uint256 i = 0; i < accounts.length; ++i) {
            (bool found, uint256 index) = packed.find(accounts[i]);
            require(found && index == i && packed.accountAt(i) == accounts[i], "not found");
        }
        (bool there, ) = packed.find(address(uint160(stranger)));
        require(there == listed, "a stranger was found, or an account was not");
    }

    /// @notice Store a list; AddressList takes calldata.
    /// @param accounts The list.
    /// @return pointer Where it is.
    function store(address[] calldata accounts) external returns (address pointer) {
        return AddressList.store(accounts);
    }

    /// @notice A ledger of another authority cannot be succeeded.
    function testForeignPredecessor() external {
        KeyAuthority other = new KeyAuthority(bytes32(uint256(1)));
        vm.expectRevert(abi.encodeWithSelector(IFederationLedger.PredecessorMismatch.selector));
        new FederationLedger(other, _ledger);
    }

    function _hospitals(uint256 count) private returns (address[] memory roster) {
        roster = new address[](count);
        (uint256 x, uint256 y) = vm.publicKeyP256(SCALAR);
        bytes memory key = abi.encodePacked(bytes1(0x04), x, y);
        for (uint256 i = 0; i < count; ++i) {
            address hospital = address(uint160(0x10000 + i * 3));
            roster[i] = hospital;
            actAs(OPERATOR);
            _authority.registerMember(hospital, uint8(IMembers.Role.HOSPITAL), vm.toString(hospital));
            bytes memory head = abi.encodePacked("BAFL/1/pop", bytes32(uint256(1)), uint64(block.chainid));
            bytes memory tail = abi.encodePacked(address(_authority), hospital, uint32(1), key);
            (bytes32 r, bytes32 s) = vm.signP256(SCALAR, sha256(bytes.concat(head, tail)));
            if (uint256(s) > P256.N / 2) s = bytes32(P256.N - uint256(s));
            actAs(hospital);
            _authority.registerKey(1, key, abi.encodePacked(r, s));
        }
    }

    /// @dev One of zeros about each.
    function _complaints(address[] memory accused) private pure returns (bytes memory complaints) {
        complaints = new bytes(117 * accused.length);
        for (uint256 i = 0; i < 20 * accused.length; ++i) {
            complaints[117 * (i / 20) + (i % 20)] = bytes20(accused[i / 20])[i % 20];
        }
    }

    function _openMasked(address[] memory roster) private {
        IFederationLedger.Terms memory terms = _terms(uint16(roster.length));
        terms.protection = IFederationLedger.Protection.MASKED;
        terms.threshold = uint16(roster.length / 2 + 1);
        terms.stepTimeout = 50;
        actAs(COORDINATOR);
        _ledger.openRound(1, terms, roster, bytes32(uint256(1)));
    }

    function _close(uint8 phase, address[] memory hospitals) private {
        uint256 gas = gasleft();
        actAs(COORDINATOR);
        _ledger.closePhase(1, phase, hospitals);
        require(gas - gasleft() + _calldataGas(hospitals.length) < GAS_CAP, "closePhase needs too much gas");
    }

    function _terms(uint16 minCommitments) private view returns (IFederationLedger.Terms memory) {
        return
            IFederationLedger.Terms({
                protection: IFederationLedger.Protection.SEALED,
                minCommitments: minCommitments,
                attestations: 1,
                threshold: 0,
                parameters: 1,
                configDigest: 0,
                stepTimeout: 0,
                commitDeadline: uint64(block.timestamp + 100),
                closeDeadline: uint64(block.timestamp + 200)
            });
    }

    /// @dev 16 gas per nonzero and 4 per zero byte, plus the transaction itself.
    function _calldataGas(uint256 count) private pure returns (uint256) {
        return 21_000 + count * (20 * 16 + 12 * 4);
    }
}
