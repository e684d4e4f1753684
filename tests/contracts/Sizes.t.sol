// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FederationLedger} from "../../contracts/ledger/FederationLedger.sol";
import {IFederationLedger} from "../../contracts/ledger/IFederationLedger.sol";
import {KeyAuthority} from "../../contracts/authority/KeyAuthority.sol";
import {MemberChecks} from "../../contracts/authority/MemberChecks.sol";

/// @title An alarm before a contract reaches the limit of 24,576 bytes (EIP-170).
contract SizesTest {
    /// @dev FederationLedger 1.3.0 has 24,195 bytes; the rest is for a repair (DECISIONS.md, D386).
    uint256 private constant ALARM = 24_400;

    /// @notice Every contract has room for a repair; one that has not is split before the next feature.
    function testEveryContractIsSmallEnough() external {
        KeyAuthority authority = new KeyAuthority(bytes32(uint256(1)));
        _requireSmall(address(authority), "KeyAuthority");
        _requireSmall(address(new FederationLedger(authority, IFederationLedger(address(0)))), "FederationLedger");
        _requireSmall(address(new MemberChecks()), "MemberChecks");
    }

    /// @notice Both contracts say which version of the rules they hold.
    function testContractsSayTheirVersion() external {
        KeyAuthority authority = new KeyAuthority(bytes32(uint256(1)));
        FederationLedger ledger = new FederationLedger(authority, IFederationLedger(address(0)));
        require(keccak256(bytes(authority.version())) == keccak256("1.1.0"), "the authority's version");
        require(keccak256(bytes(ledger.version())) == keccak256("1.3.0"), "the ledger's version");
    }

    function _requireSmall(address made, string memory name) private view {
        require(made.code.length < ALARM, string.concat(name, " is near the limit for a contract: split it"));
    }
}
