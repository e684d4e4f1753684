// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The cheatcodes of Hardhat's Solidity tests that these tests use.
interface Vm {
    function toString(address value) external pure returns (string memory);

    function addr(uint256 privateKey) external pure returns (address);

    function assume(bool condition) external pure;

    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);

    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);

    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);

    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);

    function parseJsonKeys(string calldata json, string calldata key) external pure returns (string[] memory);

    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);

    function parseJsonStringArray(
        string calldata json,
        string calldata key
    ) external pure returns (string[] memory);

    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);

    function parseBytes32(string calldata text) external pure returns (bytes32);

    function parseUint(string calldata text) external pure returns (uint256);

    function etch(address target, bytes calldata code) external;

    function prank(address sender, address origin) external;

    function publicKeyP256(uint256 privateKey) external pure returns (uint256 x, uint256 y);

    function readFile(string calldata path) external view returns (string memory);

    function signP256(uint256 privateKey, bytes32 digest) external pure returns (bytes32 r, bytes32 s);

    function split(string calldata input, string calldata delimiter) external pure returns (string[] memory);

    function toString(uint256 value) external pure returns (string memory);

    function warp(uint256 timestamp) external;

    function expectRevert(bytes calldata data) external;
}

Vm constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

/// @dev The next call is `who`'s own transaction.
function actAs(address who) {
    vm.prank(who, who);
}
