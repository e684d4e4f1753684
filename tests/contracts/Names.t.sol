// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembers} from "../../contracts/authority/IMembers.sol";
import {KeyAuthority} from "../../contracts/authority/KeyAuthority.sol";
import {actAs, vm} from "./Vm.sol";

/// @title Names as bytes that a file of vectors cannot hold, and the borders of UTF-8.
contract NamesTest {
    address private constant OPERATOR = address(0x0B0);
    address private constant MEMBER = address(0x1001);

    KeyAuthority private _authority;

    function setUp() external {
        actAs(OPERATOR);
        _authority = new KeyAuthority(bytes32(uint256(1)));
    }

    /// @notice Bytes that are no well-formed UTF-8, or a control character, are no name.
    function testBytesThatAreNoTextAreRefused() external {
        bytes[17] memory wrong = [
            bytes(hex"ff"),
            hex"80",
            hex"c080",
            hex"c1bf",
            hex"c2",
            hex"c29f",
            hex"c341",
            hex"e0a0",
            hex"e09f80",
            hex"eda080",
            hex"efbf41",
            hex"f08f8080",
            hex"f09080",
            hex"f4908080",
            hex"f5808080",
            hex"61c3",
            hex"1f"
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IMembers.NameInvalid.selector, MEMBER));
            actAs(OPERATOR);
            _authority.registerMember(MEMBER, uint8(IMembers.Role.HOSPITAL), string(wrong[i]));
        }
    }

    /// @notice The first and the last characters of each width are text.
    function testTheBordersOfTextAreAccepted() external {
        bytes[10] memory right = [
            bytes(hex"20"),
            hex"7e",
            hex"c2a0",
            hex"dfbf",
            hex"e0a080",
            hex"ed9fbf",
            hex"ee8080",
            hex"efbfbf",
            hex"f0908080",
            hex"f48fbfbf"
        ];
        for (uint256 i = 0; i < right.length; ++i) {
            actAs(OPERATOR);
            _authority.registerMember(address(uint160(0x2000 + i)), uint8(IMembers.Role.HOSPITAL), string(right[i]));
        }
    }
}
