// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FederationLedger} from "../../contracts/ledger/FederationLedger.sol";
import {IFederationLedger} from "../../contracts/ledger/IFederationLedger.sol";
import {IMembers} from "../../contracts/authority/IMembers.sol";
import {KeyAuthority} from "../../contracts/authority/KeyAuthority.sol";
import {actAs, vm} from "./Vm.sol";

/// @title Who may become the operator, and what follows for others, beyond what a fold of records can know.
contract OperatorsTest {
    address private constant OPERATOR = address(0x0B0);
    address private constant HEIR = address(0x0B1);
    address private constant COORDINATOR = address(0xC00);
    uint256 private constant START = 1_800_000_000;

    KeyAuthority private _authority;
    FederationLedger private _ledger;

    /// @notice A consortium of five hospitals and a coordinator, whose ledger is open.
    function setUp() external {
        vm.warp(START);
        actAs(OPERATOR);
        _authority = new KeyAuthority(bytes32(uint256(1)));
        _ledger = new FederationLedger(_authority, IFederationLedger(address(0)));
        for (uint160 i = 1; i <= 5; ++i) _admit(address(i), IMembers.Role.HOSPITAL);
        _admit(COORDINATOR, IMembers.Role.COORDINATOR);
        actAs(COORDINATOR);
        _ledger.openFederation(0, 0, 0, 0);
    }

    /// @notice The ledger asks the authority who the operator is.
    function testTheLedgerTakesTheOperatorInOffice() external {
        _transfer();
        vm.expectRevert(abi.encodeWithSelector(IMembers.RevokedSender.selector, OPERATOR));
        actAs(OPERATOR);
        _ledger.handOver(address(0xBEEF));
        actAs(HEIR);
        _ledger.handOver(address(0xBEEF));
        require(_ledger.successor() == address(0xBEEF), "not handed over");
    }

    /// @notice A contract never takes the office: nobody could check its records by a signature.
    function testAContractIsRefused() external {
        actAs(OPERATOR);
        _authority.proposeOperator(address(this));
        vm.expectRevert(abi.encodeWithSelector(IMembers.SenderHasCode.selector, address(this)));
        _authority.takeOffice(0);
    }

    /// @notice Nor does an account that handed itself to code (EIP-7702), or in whose name a contract calls.
    function testAnAccountWithCodeOrAnotherOriginIsRefused() external {
        actAs(OPERATOR);
        _authority.proposeOperator(HEIR);
        vm.expectRevert(abi.encodeWithSelector(IMembers.SenderHasCode.selector, HEIR));
        vm.prank(HEIR, OPERATOR);
        _authority.takeOffice(0);
        vm.etch(HEIR, abi.encodePacked(hex"ef0100", address(this)));
        vm.expectRevert(abi.encodeWithSelector(IMembers.SenderHasCode.selector, HEIR));
        actAs(HEIR);
        _authority.takeOffice(0);
    }

    /// @notice What the views say while a replacement is on its way.
    function testTheViewsFollow() external {
        require(_authority.electorate() == 5 && _authority.vetoTime() == 7 days, "the rules");
        actAs(COORDINATOR);
        _authority.proposeReplacement(1, HEIR);
        for (uint160 i = 1; i <= 3; ++i) _vote(address(i), 1);
        (address candidate, uint32 votes, uint64 since) = _authority.replacementState(1);
        require(candidate == HEIR && votes == 3 && since == START, "the replacement");
        vm.warp(START + 7 days + 1);
        actAs(HEIR);
        _authority.takeOffice(1);
        require(_authority.operator() == HEIR && _authority.closedReplacements() == 1, "the office");
        require(_authority.statusOf(OPERATOR) == IMembers.Status.REVOKED, "the former operator");
        require(_authority.roleOf(HEIR) == IMembers.Role.OPERATOR, "the role");
    }

    /// @notice Whatever members do, the votes counted are those of active members, and each counts once.
    /// @param steps Who does what.
    function testFuzzVotesAreCountedOnce(uint8[24] calldata steps) external {
        for (uint32 n = 1; n <= 3; ++n) {
            actAs(COORDINATOR);
            _authority.proposeReplacement(n, address(uint160(0x0B0) + n));
        }
        uint32[6] memory ballots;
        bool[6] memory gone;
        for (uint256 i = 0; i < steps.length; ++i) {
            uint8 who = 1 + (steps[i] % 5);
            uint32 to = 1 + ((steps[i] / 5) % 3);
            if (gone[who]) continue;
            if (steps[i] > 240) {
                gone[who] = true;
                actAs(OPERATOR);
                _authority.revokeMember(address(uint160(who)), "left");
            } else if (ballots[who] != to) {
                ballots[who] = to;
                _vote(address(uint160(who)), to);
            }
        }
        uint32 active = 0;
        uint32[4] memory counted;
        for (uint256 who = 1; who <= 5; ++who) {
            if (gone[who]) continue;
            ++active;
            ++counted[ballots[who]];
        }
        require(_authority.electorate() == active, "the electorate");
        for (uint32 n = 1; n <= 3; ++n) {
            (, uint32 votes, ) = _authority.replacementState(n);
            require(votes == counted[n], "the votes");
        }
    }

    function _transfer() private {
        actAs(OPERATOR);
        _authority.proposeOperator(HEIR);
        actAs(HEIR);
        _authority.takeOffice(0);
    }

    function _vote(address member, uint32 replacement) private {
        actAs(member);
        _authority.voteReplacement(replacement);
    }

    function _admit(address member, IMembers.Role role) private {
        actAs(OPERATOR);
        _authority.registerMember(member, uint8(role), vm.toString(member));
    }
}
