// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {IMembers} from "./IMembers.sol";
import {PlainText} from "../lib/PlainText.sol";

/// @title Membership and keys of one consortium.
/// @notice The keys themselves are in the events only; the state keeps what the rules ask for: one slot per member.
abstract contract Members is IMembers {
    struct Member {
        Role role;
        Status status;
        uint32 keyEpoch;
    }

    using PlainText for bytes;

    uint256 private constant PUBLIC_KEY_BYTES = 65;
    uint256 private constant PROOF_BYTES = 64;
    uint256 private constant MAX_NAME_BYTES = 64;

    /// @inheritdoc IMembers
    bytes32 public immutable override consortium;

    /// @inheritdoc IMembers
    address public immutable override operator;

    /// @inheritdoc IMembers
    address public override coordinator;

    mapping(address account => Member member) private _members;
    mapping(bytes32 hash => bool given) private _names;

    /// @notice Found a consortium; the creator is its operator.
    /// @param consortium_ 32 random bytes.
    constructor(bytes32 consortium_) {
        consortium = consortium_;
        operator = msg.sender;
        _members[msg.sender] = Member(Role.OPERATOR, Status.ACTIVE, 0);
        _names[keccak256("operator")] = true;
        emit ConsortiumFounded(msg.sender, consortium_);
    }

    /// @inheritdoc IMembers
    function registerMember(address member, uint8 role, string calldata memberName) external override {
        _requireOperator();
        if (role < uint8(Role.HOSPITAL) || role > uint8(Role.TRUSTEE)) revert WrongRole(member);
        if (member == address(0) || _members[member].status != Status.NONE) revert MemberExists(member);
        _giveName(member, memberName);
        if (Role(role) == Role.COORDINATOR) {
            if (coordinator != address(0)) revert CoordinatorExists(coordinator);
            coordinator = member;
        }
        _members[member] = Member(Role(role), Status.ACTIVE, 0);
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
        if (requireActive(member) == Role.OPERATOR) revert WrongRole(member);
        _members[member].status = Status.REVOKED;
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
        // Nothing is allowed by it here; it only refuses more.
        // solhint-disable-next-line avoid-tx-origin
        if (account != tx.origin || account.code.length != 0) revert SenderHasCode(account);
    }

    /// @dev A name is given once, also after its member was revoked: reports of years name members by it.
    function _giveName(address member, string calldata memberName) private {
        if (!bytes(memberName).isPlainText(MAX_NAME_BYTES)) revert NameInvalid(member);
        bytes32 hash = keccak256(bytes(memberName));
        if (_names[hash]) revert NameTaken(member);
        _names[hash] = true;
    }

    function _setKey(uint32 epoch, bytes calldata publicKey, bytes calldata proof) private {
        _requirePossession(epoch, publicKey, proof);
        _members[msg.sender].keyEpoch = epoch;
    }

    function _requireOperator() internal view {
        if (requireSender(msg.sender) != Role.OPERATOR) revert WrongRole(msg.sender);
    }

    function _requireKeyHolder() private view returns (uint32 current) {
        if (requireSender(msg.sender) == Role.OPERATOR) revert WrongRole(msg.sender);
        return _members[msg.sender].keyEpoch;
    }

    /// @dev P256.verify refuses points off the curve and high s (a second valid proof for the same key).
    function _requirePossession(uint32 epoch, bytes calldata publicKey, bytes calldata proof) private view {
        bool wellFormed = publicKey.length == PUBLIC_KEY_BYTES &&
            proof.length == PROOF_BYTES &&
            publicKey[0] == 0x04;
        if (!wellFormed) revert KeyInvalid(msg.sender);
        bytes32 digest = sha256(
            abi.encodePacked(
                "BAFL/1/pop",
                consortium,
                uint64(block.chainid),
                address(this),
                msg.sender,
                epoch,
                publicKey
            )
        );
        bool holds = P256.verify(
            digest,
            bytes32(proof[:32]),
            bytes32(proof[32:]),
            bytes32(publicKey[1:33]),
            bytes32(publicKey[33:])
        );
        if (!holds) revert KeyInvalid(msg.sender);
    }
}
