// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {vm} from "./Vm.sol";

/// @title The endorsements of tests/vectors/rounds.json, hashed as EIP-712 says and recovered by the chain itself.
contract EndorsementsTest {
    string private constant FILE = "tests/vectors/rounds.json";
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant STATEMENT =
        keccak256(
            "SetStatement(bytes32 consortium,uint64 round,bytes32 maskContext,bytes32 setDigest,bytes32 freezeBlock)"
        );

    /// @notice Every endorsement has the digest that the file says and is its account's.
    function testEveryEndorsement() external view {
        string memory json = vm.readFile(FILE);
        uint256 number = 0;
        for (; ; ++number) {
            string memory path = string.concat(".endorsements[", vm.toString(number), "]");
            if (!vm.keyExistsJson(json, path)) break;
            bytes32 digest = _digest(json, string.concat(path, ".statement"));
            require(digest == vm.parseJsonBytes32(json, string.concat(path, ".digest")), "another digest");
            string memory by = vm.parseJsonString(json, string.concat(path, ".by"));
            bytes32 key = vm.parseJsonBytes32(json, string.concat(".accounts.", by, ".key"));
            require(_signer(json, path, digest) == vm.addr(uint256(key)), "another signer");
        }
        require(number == 3, "another number of endorsements");
    }

    function _digest(string memory json, string memory path) private pure returns (bytes32) {
        address ledger = vm.parseJsonAddress(json, string.concat(path, ".contract"));
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN,
                keccak256("Hemaledger"),
                keccak256("1"),
                vm.parseUint(vm.parseJsonString(json, string.concat(path, ".chainId"))),
                ledger
            )
        );
        bytes32 statement = keccak256(
            abi.encode(
                STATEMENT,
                vm.parseJsonBytes32(json, string.concat(path, ".consortium")),
                uint64(vm.parseUint(vm.parseJsonString(json, string.concat(path, ".round")))),
                vm.parseJsonBytes32(json, string.concat(path, ".maskContext")),
                vm.parseJsonBytes32(json, string.concat(path, ".setDigest")),
                vm.parseJsonBytes32(json, string.concat(path, ".freezeBlock"))
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, statement));
    }

    function _signer(string memory json, string memory path, bytes32 digest) private pure returns (address) {
        bytes memory signature = vm.parseJsonBytes(json, string.concat(path, ".signature"));
        require(signature.length == 65, "another length");
        bytes32 r;
        bytes32 s;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            r := mload(add(signature, 32))
            s := mload(add(signature, 64))
        }
        return ecrecover(digest, uint8(signature[64]), r, s);
    }
}
