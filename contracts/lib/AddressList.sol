// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A write-once ascending list of accounts, kept as the code of a contract.
/// @notice 20 bytes per account at 200 gas a byte instead of a 22,100 gas storage slot each: with slots a roster of
/// 1024 would exceed the gas limit of a transaction (EIP-7825). Code is immutable, so a stored list cannot change.
/// Source: the SSTORE2 pattern (0xsequence). Layout: 0x00 (STOP, never executable) ‖ account[20]*.
library AddressList {
    uint256 private constant ACCOUNT_BYTES = 20;

    /// @notice The chain refused to create the contract that holds the list.
    error ListNotStored();

    /// @notice Store `accounts`.
    /// @param accounts The list; the caller checked that it is ascending and has at most 1024 entries.
    /// @return pointer The contract that holds it.
    function store(address[] calldata accounts) internal returns (address pointer) {
        uint256 size = 1 + accounts.length * ACCOUNT_BYTES;
        // PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE (0), CODECOPY, RETURNDATASIZE (0), RETURN: deploys what follows.
        bytes memory code = bytes.concat(hex"61", bytes2(uint16(size)), hex"80600a3d393df300", new bytes(size + 11));
        for (uint256 i = 0; i < accounts.length; ++i) {
            bytes32 word = bytes32(bytes20(accounts[i]));
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                mstore(add(add(code, 43), mul(i, 20)), word)
            }
        }
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            pointer := create(0, add(code, 32), add(size, 10))
        }
        if (pointer == address(0)) revert ListNotStored();
    }

    /// @notice Load a stored list.
    /// @param pointer What {store} returned.
    /// @return packed The accounts, 20 bytes each.
    function load(address pointer) internal view returns (bytes memory packed) {
        bytes memory code = pointer.code;
        uint256 size = code.length - 1;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            packed := add(code, 1)
            mstore(packed, size)
        }
    }

    /// @notice How many accounts a loaded list has.
    /// @param packed What {load} returned.
    /// @return The number.
    function count(bytes memory packed) internal pure returns (uint256) {
        return packed.length / ACCOUNT_BYTES;
    }

    /// @notice One account of a loaded list.
    /// @param packed What {load} returned.
    /// @param index Its place, below {count}: unchecked.
    /// @return account The account.
    function accountAt(bytes memory packed, uint256 index) internal pure returns (address account) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            account := shr(96, mload(add(add(packed, 32), mul(index, 20))))
        }
    }

    /// @notice Find an account in a loaded list by bisection.
    /// @param packed What {load} returned.
    /// @param account The account to find.
    /// @return found Whether it is there.
    /// @return index Its place.
    function find(bytes memory packed, address account) internal pure returns (bool found, uint256 index) {
        uint256 low = 0;
        uint256 high = count(packed);
        while (low < high) {
            uint256 middle = (low + high) / 2;
            address candidate = accountAt(packed, middle);
            if (candidate == account) return (true, middle);
            if (candidate < account) low = middle + 1;
            else high = middle;
        }
        return (false, 0);
    }
}
