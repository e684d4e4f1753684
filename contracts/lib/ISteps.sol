// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The errors of steps with phases and deadlines.
/// @notice A round's and a ceremony's are the same.
interface ISteps {
    /// @notice The phase does not allow this.
    /// @param round The round, or the ceremony.
    /// @param phase Its phase.
    error WrongPhase(uint64 round, uint8 phase);

    /// @notice The deadline of the phase, or of a request, is over.
    /// @param deadline Seconds since 1970.
    error DeadlinePassed(uint64 deadline);

    /// @notice Not everybody who may has acted yet, and the deadline is still ahead.
    /// @param deadline Seconds since 1970.
    error DeadlineNotPassed(uint64 deadline);

    /// @notice Those named are not an ascending subset of those who did what the phase asked, or not all of them.
    /// @param account The first one out of order, not among them, or missing.
    error SetMismatch(address account);

    /// @notice Fewer go on than the terms demand.
    /// @param actual How many were named.
    /// @param required How many the terms demand.
    error BelowThreshold(uint16 actual, uint16 required);

    /// @notice Everybody does each step once.
    /// @param account Who did it before.
    error DuplicateStep(address account);

    /// @notice A field has another length than the terms imply.
    /// @param expected Bytes implied.
    /// @param actual Bytes given.
    error LengthInvalid(uint256 expected, uint256 actual);
}
