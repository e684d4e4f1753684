// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISteps} from "../lib/ISteps.sol";

/// @title How another account becomes the operator.
/// @notice In two ways: the operator proposes an account, or the members replace an operator who does not answer. Both
/// end with a call of the new account itself, so the office cannot go to an account that nobody can use. Source:
/// PROTOCOL.md 3, Operator.
interface ISuccession is ISteps {
    /// @notice The operator proposed an account for its office, or took its proposal back.
    /// @param sender The operator.
    /// @param account The account that may take the office; zero when no account may.
    event OperatorProposed(address indexed sender, address indexed account);

    /// @notice A member proposed to replace the operator.
    /// @param sender The member.
    /// @param replacement Its number, from 1.
    /// @param candidate The account that is to be the operator.
    event ReplacementProposed(address indexed sender, uint32 indexed replacement, address indexed candidate);

    /// @notice A member gave its one vote to a replacement.
    /// @param sender The hospital, auditor or trustee.
    /// @param replacement Its number.
    event ReplacementVoted(address indexed sender, uint32 indexed replacement);

    /// @notice The operator stopped a replacement.
    /// @param sender The operator.
    /// @param replacement Its number.
    event ReplacementVetoed(address indexed sender, uint32 indexed replacement);

    /// @notice An account took the operator's office; its predecessor is revoked.
    /// @param sender The operator from now on.
    /// @param replacement The replacement that made it the operator; 0 when its predecessor proposed it.
    /// @param former The predecessor.
    event OperatorChanged(address indexed sender, uint32 indexed replacement, address indexed former);

    /// @notice The account is not the one that was proposed.
    /// @param account The account.
    error NotProposed(address account);

    /// @notice A replacement's number is not the one expected.
    /// @param expected The next number of a proposal; otherwise the newest there is.
    /// @param actual The number given.
    error WrongReplacement(uint32 expected, uint32 actual);

    /// @notice The replacement was vetoed, or is older than the operator's term.
    /// @param replacement Its number.
    error ReplacementClosed(uint32 replacement);

    /// @notice At most half of the members who may vote support the replacement.
    /// @param votes How many are.
    /// @param electorate How many may vote.
    error NoMajority(uint32 votes, uint32 electorate);

    /// @notice Propose an account for the operator's office, in place of any proposed before.
    /// @dev By the operator. Reverts, in this order: UnknownSender, RevokedSender, SenderHasCode, WrongRole;
    /// MemberExists when `account` is or was a member. Emits {OperatorProposed}.
    /// @param account The account; zero takes the proposal back.
    function proposeOperator(address account) external;

    /// @notice Propose to replace the operator.
    /// @dev By any member but the operator. Reverts, in this order: UnknownSender, RevokedSender, SenderHasCode,
    /// WrongRole; WrongReplacement(last + 1, replacement); MemberExists when `candidate` is zero, or is or was a
    /// member. Emits {ReplacementProposed}.
    /// @param replacement The number of the last one plus one.
    /// @param candidate The account that is to be the operator.
    function proposeReplacement(uint32 replacement, address candidate) external;

    /// @notice Vote for a replacement. A member has one vote; a new vote cancels its earlier one.
    /// @dev By a hospital, an auditor or a trustee. Reverts, in this order: UnknownSender, RevokedSender,
    /// SenderHasCode, WrongRole; WrongReplacement(last, replacement), ReplacementClosed; DuplicateStep when the vote is
    /// for it already. Emits {ReplacementVoted}.
    /// @param replacement Its number.
    function voteReplacement(uint32 replacement) external;

    /// @notice Stop a replacement.
    /// @dev By the operator. Reverts, in this order: UnknownSender, RevokedSender, SenderHasCode, WrongRole;
    /// WrongReplacement(last, replacement), ReplacementClosed. Emits {ReplacementVetoed}.
    /// @param replacement Its number.
    function vetoReplacement(uint32 replacement) external;

    /// @notice Take the operator's office; only the proposed account can. The predecessor is revoked, and all other
    /// proposals are closed.
    /// @dev Reverts, in this order: MemberExists when the sender is or was a member; SenderHasCode. For `replacement`
    /// 0: NotProposed unless the operator proposed the sender. Otherwise: WrongReplacement(last, replacement),
    /// ReplacementClosed; NotProposed unless the sender is its candidate; NoMajority; DeadlineNotPassed until
    /// {vetoTime} has passed since a vote made the majority. Emits {OperatorChanged}.
    /// @param replacement The replacement; 0 for the operator's own proposal.
    function takeOffice(uint32 replacement) external;

    /// @notice How long the operator may veto what a majority wants.
    /// @return Seconds.
    function vetoTime() external view returns (uint64);

    /// @notice The account that the operator proposed for its office.
    /// @return The account, or zero.
    function proposedOperator() external view returns (address);

    /// @notice The number of the newest replacement.
    /// @return The number; 0 before the first.
    function lastReplacement() external view returns (uint32);

    /// @notice The number of the last replacement that was proposed before the operator took office.
    /// @return The number; up to it, all are closed.
    function closedReplacements() external view returns (uint32);

    /// @notice The state of a replacement.
    /// @param replacement Its number.
    /// @return candidate The account that is to be the operator; zero after a veto.
    /// @return votes How many active members vote for it.
    /// @return since When a vote made the majority, in seconds since 1970; 0 before.
    function replacementState(
        uint32 replacement
    ) external view returns (address candidate, uint32 votes, uint64 since);
}
