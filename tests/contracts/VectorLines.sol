// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {vm} from "./Vm.sol";

/// @title A file of vectors by its lines.
/// @notice A cheatcode that reads JSON parses all that it is given, and a file has thousands of fields. So a step is
/// read from its own line: a case is `  {"name": ..., "steps": [`, a line for each step, and `  ]}`; a setup is
/// `  "its name": [`, the same, and `  ]`. Whatever looks otherwise is refused, so that nothing is left out.
library VectorLines {
    function read(string memory file) internal view returns (string[] memory) {
        return vm.split(vm.readFile(file), "\n");
    }

    /// @dev The number of the only line that reads `text`.
    function find(string[] memory lines, string memory text) internal pure returns (uint256 found) {
        bytes32 wanted = keccak256(bytes(text));
        for (uint256 i = 0; i < lines.length; ++i) {
            if (keccak256(bytes(lines[i])) != wanted) continue;
            require(found == 0, string.concat("twice in the file: ", text));
            found = i;
        }
        require(found != 0, string.concat("not in the file: ", text));
    }

    /// @dev The line after the last step of what begins in line `first`.
    function endOfSteps(string[] memory lines, uint256 first) internal pure returns (uint256 end) {
        require(begins(lines[first], "  ") && bytes(lines[first])[bytes(lines[first]).length - 1] == "[", lines[first]);
        for (end = first + 1; begins(lines[end], "   {"); ++end) {}
        require(begins(lines[end], "  ]"), lines[end]);
    }

    /// @dev What a line between two others holds.
    function withoutComma(string memory line) internal pure returns (string memory) {
        bytes memory raw = bytes(line);
        if (raw[raw.length - 1] == ",") {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                mstore(raw, sub(mload(raw), 1))
            }
        }
        return line;
    }

    function begins(string memory line, string memory start) internal pure returns (bool) {
        bytes memory raw = bytes(line);
        bytes memory wanted = bytes(start);
        if (raw.length < wanted.length) return false;
        for (uint256 i = 0; i < wanted.length; ++i) if (raw[i] != wanted[i]) return false;
        return true;
    }
}
