// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMembers} from "./IMembers.sol";
import {MemberChecks} from "./MemberChecks.sol";

/// @title Membership and keys of one consortium.
/// @notice The keys themselves are in the events only; the state keeps what the rules ask for: one slot per member.
abstract contract Members is IMembers {
    struct Member {
        Role role;
        Status status;
        uint32 keyEpoch;
        uint32 ballot;
    }

    /// @inheritdoc IMembers
    bytes32 public immutable override consortium;

    MemberChecks private immutable _checks;

    /// @inheritdoc IMembers
    address public override operator;

    /// @inheritdoc IMembers
    address public override coordinator;

    /// @inheritdoc IMembers
    uint32 public override electorate;

    /// @inheritdoc IMembers
    uint64 public override lastRevocation;

    /// @dev How many active members vote for a replacement of the operator (Succession.sol).
    mapping(uint32 replacement => uint32 votes) internal _votes;

    mapping(address account => Member member) private _members;
    mapping(bytes32 hash => bool given) private _names;

    /// @notice Found a consortium; the creator is its operator.
    /// @param consortium_ 32 random bytes.
    constructor(bytes32 consortium_) {
        consortium = consortium_;
        _checks = new MemberChecks();
        _appoint(msg.sender);
        _names[keccak256("operator")] = true;
        emit ConsortiumFounded(msg.sender, consortium_);
    }

    /// @inheritdoc IMembers
    function registerMember(address member, uint8 role, string calldata memberName) external override {
        _requireOperator();
        if (role < uint8(Role.HOSPITAL) || role > uint8(Role.TRUSTEE)) revert WrongRole(member);
        if (member == address(0)) revert MemberExists(member);
        _requireNew(member);
        _giveName(member, memberName);
        if (Role(role) == Role.COORDINATOR) {
            if (coordinator != address(0)) revert CoordinatorExists(coordinator);
            coordinator = member;
        }
        _members[member] = Member(Role(role), Status.ACTIVE, 0, 0);
        if (_isVoter(Role(role))) ++electorate;
        emit MemberRegistered(msg.sender, member, Role(role), memberName);
    }

    /// @inheritdoc IMembers
    function registerKey(uint32 epoch, bytes calldata publicKey, bytes calldata proof) external override {
        uint32 current = _requireKeyHolder();
        if (epoch != 1 || current != 0) revert KeyEpochMismatch(current + 1, epoch);
        _setKey(epoch, publicKey, proof);
        emit KeyRegistered(msg.sender, epoch, publicKey, proof);
    }

    /// @inheritdoc IMembers
    function rotateKey(uint32 epoch, bytes calldata publicKey, bytes calldata proof) external override {
        uint32 current = _requireKeyHolder();
        if (current == 0 || epoch != current + 1) revert KeyEpochMismatch(current + 1, epoch);
        _setKey(epoch, publicKey, proof);
        emit KeyRotated(msg.sender, epoch, publicKey, proof);
    }

    /// @inheritdoc IMembers
    function revokeMember(address member, string calldata reason) external override {
        _requireOperator();
        Role role = requireActive(member);
        if (role == Role.OPERATOR) revert WrongRole(member);
        _members[member].status = Status.REVOKED;
        if (_isVoter(role)) --electorate;
        _withdrawVote(member);
        lastRevocation = uint64(block.timestamp);
        if (member == coordinator) coordinator = address(0);
        emit MemberRevoked(msg.sender, member, reason);
    }

    /// @inheritdoc IMembers
    function memberOf(
        address account
    ) external view override returns (Role role, Status status, uint32 keyEpoch) {
        Member memory member = _members[account];
        return (member.role, member.status, member.keyEpoch);
    }

    /// @inheritdoc IMembers
    function roleOf(address account) public view override returns (Role) {
        Member memory member = _members[account];
        return member.status == Status.ACTIVE ? member.role : Role.NONE;
    }

    /// @inheritdoc IMembers
    function statusOf(address account) public view override returns (Status) {
        return _members[account].status;
    }

    /// @inheritdoc IMembers
    function keyEpochOf(address account) public view override returns (uint32) {
        return _members[account].keyEpoch;
    }

    /// @inheritdoc IMembers
    function requireActive(address account) public view override returns (Role role) {
        Member memory member = _members[account];
        if (member.status == Status.NONE) revert UnknownSender(account);
        if (member.status == Status.REVOKED) revert RevokedSender(account);
        return member.role;
    }

    /// @inheritdoc IMembers
    function requireSender(address account) public view override returns (Role role) {
        role = requireActive(account);
        _requirePlain(account);
    }

    /// @dev Gives the office to an account that never was a member, and ends the membership of its predecessor.
    function _appoint(address account) internal {
        if (operator != address(0)) _members[operator].status = Status.REVOKED;
        _members[account] = Member(Role.OPERATOR, Status.ACTIVE, 0, 0);
        operator = account;
    }

    /// @dev Gives a member's vote to a replacement; false when it is there already.
    function _moveVote(address account, uint32 replacement) internal returns (bool moved) {
        Member storage member = _members[account];
        moved = member.ballot != replacement;
        if (!moved) return false;
        _withdrawVote(account);
        member.ballot = replacement;
        ++_votes[replacement];
    }

    /// @dev A name is never given twice, even after its member was revoked, because old reports name members by it.
    function _giveName(address member, string calldata memberName) private {
        if (!_checks.isName(bytes(memberName))) revert NameInvalid(member);
        bytes32 hash = keccak256(bytes(memberName));
        if (_names[hash]) revert NameTaken(member);
        _names[hash] = true;
    }

    function _withdrawVote(address account) private {
        uint32 ballot = _members[account].ballot;
        if (ballot != 0) --_votes[ballot];
    }

    function _setKey(uint32 epoch, bytes calldata publicKey, bytes calldata proof) private {
        bool possessed = _checks.isPossessed(consortium, msg.sender, epoch, publicKey, proof);
        if (!possessed) revert KeyInvalid(msg.sender);
        _members[msg.sender].keyEpoch = epoch;
    }

    function _requireOperator() internal view {
        if (requireSender(msg.sender) != Role.OPERATOR) revert WrongRole(msg.sender);
    }

    function _requireNew(address account) internal view {
        if (_members[account].status != Status.NONE) revert MemberExists(account);
    }

    function _requirePlain(address account) internal view {
        // This check allows nothing; it only refuses more.
        // solhint-disable-next-line avoid-tx-origin
        if (account != tx.origin || account.code.length != 0) revert SenderHasCode(account);
    }

    function _requireKeyHolder() private view returns (uint32 current) {
        if (requireSender(msg.sender) == Role.OPERATOR) revert WrongRole(msg.sender);
        return _members[msg.sender].keyEpoch;
    }

    /// @dev The coordinator has no vote, because there is only one, often run by the operator.
    function _isVoter(Role role) internal pure returns (bool) {
        return role == Role.HOSPITAL || role == Role.AUDITOR || role == Role.TRUSTEE;
    }
}
