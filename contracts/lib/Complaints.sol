// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISteps} from "./ISteps.sol";

/// @title Concatenated complaints about sealed shares, as rounds and ceremonies record them.
/// @notice The same is in fl/protocol/steps.py. Source: PROTOCOL.md 5, phase 2b.
library Complaints {
    /// @dev dealer[20] ‖ dh[33] ‖ DLEQ proof[64].
    uint256 private constant COMPLAINT_BYTES = 117;

    /// @notice Whom complaints are about; reverts with LengthInvalid(multiple of 117 below, length).
    /// @param complaints Complaints in a row, 117 bytes each.
    /// @return dealers One for each complaint, in their order.
    function accused(bytes calldata complaints) internal pure returns (address[] memory dealers) {
        uint256 count = complaints.length / COMPLAINT_BYTES;
        uint256 whole = count * COMPLAINT_BYTES;
        if (complaints.length != whole) revert ISteps.LengthInvalid(whole, complaints.length);
        dealers = new address[](count);
        for (uint256 i = 0; i < count; ++i) dealers[i] = address(bytes20(complaints[i * COMPLAINT_BYTES:]));
    }
}
