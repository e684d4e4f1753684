// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The errors of steps with phases and deadlines.
/// @notice Rounds and ceremonies share them.
interface ISteps {
    /// @notice The phase does not allow this.
    /// @param round The round, or the ceremony.
    /// @param phase Its phase.
    error WrongPhase(uint64 round, uint8 phase);

    /// @notice The deadline of the phase, or of a request, is over.
    /// @param deadline Seconds since 1970.
    error DeadlinePassed(uint64 deadline);

    /// @notice The deadline has not passed, and somebody who may act has not acted yet.
    /// @param deadline Seconds since 1970.
    error DeadlineNotPassed(uint64 deadline);

    /// @notice The accounts are not ascending, did not do what the phase asked, or are not complete.
    /// @param account The first one out of order, not among them, or missing.
    error SetMismatch(address account);

    /// @notice Fewer go on than the terms demand.
    /// @param actual How many were named.
    /// @param required How many the terms demand.
    error BelowThreshold(uint16 actual, uint16 required);

    /// @notice The account took this step already.
    /// @param account Who did it before.
    error DuplicateStep(address account);

    /// @notice A field does not have the length that the terms demand.
    /// @param expected Bytes implied.
    /// @param actual Bytes given.
    error LengthInvalid(uint256 expected, uint256 actual);
}
