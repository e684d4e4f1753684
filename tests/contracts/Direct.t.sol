// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembers} from "../../contracts/authority/IMembers.sol";
import {KeyAuthority} from "../../contracts/authority/KeyAuthority.sol";
import {actAs, vm} from "./Vm.sol";

/// @title A contract that acts while it is made, when it has no code yet.
contract Newborn {
    constructor(KeyAuthority authority) {
        authority.registerKey(1, new bytes(65), new bytes(64));
    }
}

/// @title Records are taken from accounts that sign them, directly.
contract DirectTest {
    address private constant OPERATOR = address(0x0B0);
    address private constant HOSPITAL = address(0x1001);

    KeyAuthority private _authority;

    /// @notice A consortium of one hospital, and of this contract as another.
    function setUp() external {
        actAs(OPERATOR);
        _authority = new KeyAuthority(bytes32(uint256(1)));
        _admit(HOSPITAL);
        _admit(address(this));
    }

    /// @notice An account that signs its call is heard: what is wrong here is its key.
    function testAnAccountIsHeard() external {
        vm.expectRevert(abi.encodeWithSelector(IMembers.KeyInvalid.selector, HOSPITAL));
        actAs(HOSPITAL);
        _authority.registerKey(1, new bytes(65), new bytes(64));
    }

    /// @notice A contract is no sender, whoever calls it.
    function testAContractIsRefused() external {
        vm.expectRevert(_refusal(address(this)));
        _authority.registerKey(1, new bytes(65), new bytes(64));
    }

    /// @notice Nor is an account in whose name a contract calls, in a transaction of somebody else.
    function testAnotherOriginIsRefused() external {
        vm.expectRevert(_refusal(HOSPITAL));
        vm.prank(HOSPITAL, OPERATOR);
        _authority.registerKey(1, new bytes(65), new bytes(64));
    }

    /// @notice Nor is an account that handed itself to code (EIP-7702), even if it signed the transaction.
    function testAnAccountWithCodeIsRefused() external {
        vm.etch(HOSPITAL, abi.encodePacked(hex"ef0100", address(this)));
        vm.expectRevert(_refusal(HOSPITAL));
        actAs(HOSPITAL);
        _authority.registerKey(1, new bytes(65), new bytes(64));
    }

    /// @notice Nor is a contract that has no code yet.
    function testANewbornContractIsRefused() external {
        address coming = address(
            uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(this), _nonce()))))
        );
        _admit(coming);
        vm.expectRevert(_refusal(coming));
        new Newborn(_authority);
    }

    function _admit(address member) private {
        actAs(OPERATOR);
        _authority.registerMember(member, uint8(IMembers.Role.HOSPITAL), vm.toString(member));
    }

    /// @dev The nonce of this contract after setUp created one contract, as RLP has it.
    function _nonce() private pure returns (bytes1) {
        return 0x01;
    }

    function _refusal(address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IMembers.SenderHasCode.selector, account);
    }
}
