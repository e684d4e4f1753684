// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The members of the consortium, with their roles and HPKE keys.
/// @notice The operator admits and revokes members; every member registers its own key with a proof of possession.
/// Source: PROTOCOL.md 3.
interface IMembers {
    /// @notice What a member may do; the role of an account never changes. The numbers are those of `names.Role`.
    enum Role {
        NONE,
        OPERATOR,
        HOSPITAL,
        COORDINATOR,
        AUDITOR,
        TRUSTEE
    }

    /// @notice Whether an account was never a member, is one, or was one.
    enum Status {
        NONE,
        ACTIVE,
        REVOKED
    }

    /// @notice The authority was created; `sender` is the operator.
    /// @param sender The creator.
    /// @param consortium 32 random bytes: a reset chain reproduces chain id and addresses, but not this.
    event ConsortiumFounded(address indexed sender, bytes32 consortium);

    /// @notice The operator admitted `member` in one role.
    /// @param sender The operator.
    /// @param member The account admitted.
    /// @param role Its role, 2..5.
    /// @param memberName Its name for people.
    event MemberRegistered(address indexed sender, address indexed member, Role role, string memberName);

    /// @notice A member registered its first HPKE key.
    /// @param sender The member.
    /// @param epoch Always 1.
    /// @param publicKey SEC1 uncompressed P-256 point, 65 bytes.
    /// @param proof r ‖ s, 64 bytes, low s: the proof of possession.
    event KeyRegistered(address indexed sender, uint32 epoch, bytes publicKey, bytes proof);

    /// @notice A member replaced its HPKE key.
    /// @param sender The member.
    /// @param epoch The epoch before plus one.
    /// @param publicKey SEC1 uncompressed P-256 point, 65 bytes.
    /// @param proof r ‖ s, 64 bytes, low s: the proof of possession.
    event KeyRotated(address indexed sender, uint32 epoch, bytes publicKey, bytes proof);

    /// @notice The operator ended a membership permanently.
    /// @param sender The operator.
    /// @param member The account revoked.
    /// @param reason Why, for people.
    event MemberRevoked(address indexed sender, address indexed member, string reason);

    /// @notice The account is not a member of the consortium.
    /// @param account The account.
    error UnknownSender(address account);

    /// @notice The account's membership was revoked.
    /// @param account The account.
    error RevokedSender(address account);

    /// @notice The member acts through a contract, or is one; its records could not be checked by its signature.
    /// @param account The account.
    error SenderHasCode(address account);

    /// @notice The member's role does not allow this.
    /// @param account The member.
    error WrongRole(address account);

    /// @notice The account is or was a member.
    /// @param account The account.
    error MemberExists(address account);

    /// @notice A member's name is not 1 to 64 bytes of well-formed UTF-8, or holds a control character.
    /// @param account The account to be named.
    error NameInvalid(address account);

    /// @notice A member has this name, or had it; the operator's is "operator".
    /// @param account The account to be named.
    error NameTaken(address account);

    /// @notice A consortium has one coordinator at a time.
    /// @param account The coordinator in office.
    error CoordinatorExists(address account);

    /// @notice A key's epoch is not the one expected.
    /// @param expected The epoch expected.
    /// @param actual The epoch given.
    error KeyEpochMismatch(uint32 expected, uint32 actual);

    /// @notice The key is malformed or its proof of possession does not verify.
    /// @param account The member that sent it.
    error KeyInvalid(address account);

    /// @notice Admit `member`.
    /// @dev Reverts, in this order: UnknownSender, RevokedSender, WrongRole(sender) unless the operator calls;
    /// WrongRole(member) unless `role` is 2..5; MemberExists when `member` is zero or ever was a member;
    /// NameInvalid; NameTaken when the same bytes name a member or did;
    /// CoordinatorExists when a second active coordinator would arise. Emits {MemberRegistered}.
    /// @param member The account to admit.
    /// @param role 2 hospital, 3 coordinator, 4 auditor, 5 trustee.
    /// @param memberName Its name for people: UTF-8; nobody else ever gets the same name.
    function registerMember(address member, uint8 role, string calldata memberName) external;

    /// @notice Register the sender's first HPKE key.
    /// @dev Reverts, in this order: UnknownSender, RevokedSender; WrongRole for the operator, who holds no key;
    /// KeyEpochMismatch(current + 1, epoch) unless `epoch` is 1 and there is no key yet; KeyInvalid. The proof is
    /// ECDSA-P256-SHA256 over "BAFL/1/pop" ‖ consortium[32] ‖ chainId u64 ‖ this[20] ‖ sender[20] ‖ epoch u32 ‖
    /// publicKey[65]. Emits {KeyRegistered}.
    /// @param epoch Must be 1.
    /// @param publicKey 0x04 ‖ X ‖ Y, 65 bytes.
    /// @param proof r ‖ s, 64 bytes, low s.
    function registerKey(uint32 epoch, bytes calldata publicKey, bytes calldata proof) external;

    /// @notice Replace the sender's HPKE key.
    /// @dev Reverts as {registerKey}, but with KeyEpochMismatch(current + 1, epoch) unless there is a key and `epoch`
    /// follows its epoch. Emits {KeyRotated}.
    /// @param epoch The current epoch plus one.
    /// @param publicKey 0x04 ‖ X ‖ Y, 65 bytes.
    /// @param proof r ‖ s, 64 bytes, low s.
    function rotateKey(uint32 epoch, bytes calldata publicKey, bytes calldata proof) external;

    /// @notice End a membership permanently.
    /// @dev Reverts, in this order: UnknownSender, RevokedSender, WrongRole(sender) unless the operator calls;
    /// UnknownSender(member), RevokedSender(member); WrongRole(member) for the operator itself. Emits {MemberRevoked}.
    /// @param member The account to revoke.
    /// @param reason Why, for people.
    function revokeMember(address member, string calldata reason) external;

    /// @notice Revert with UnknownSender or RevokedSender unless `account` is an active member.
    /// @param account The account in question.
    /// @return role Its role.
    function requireActive(address account) external view returns (Role role);

    /// @notice Revert unless `account` is an active member, signed this transaction and has no code.
    /// @dev So each record is one call, signed by its sender; anybody can check it without trusting a node.
    /// Reverts, in this order: UnknownSender, RevokedSender, SenderHasCode.
    /// @param account The account that calls the contract which asks.
    /// @return role Its role.
    function requireSender(address account) external view returns (Role role);

    /// @notice Everything about an account in one call.
    /// @param account The account in question.
    /// @return role Its role, also after revocation; NONE when it never was a member.
    /// @return status Whether it is a member now.
    /// @return keyEpoch The epoch of its key; 0 when it has none.
    function memberOf(address account) external view returns (Role role, Status status, uint32 keyEpoch);

    /// @notice The 32 random bytes that name this consortium.
    /// @return The bytes.
    function consortium() external view returns (bytes32);

    /// @notice The account that admits and revokes members; ISuccession says how another one becomes it.
    /// @return The account in office.
    function operator() external view returns (address);

    /// @notice The active coordinator.
    /// @return The account, or zero when there is none.
    function coordinator() external view returns (address);

    /// @notice How many members vote about a replacement of the operator.
    /// @return The number of active hospitals, auditors and trustees.
    function electorate() external view returns (uint32);

    /// @notice When a membership last ended.
    /// @return Seconds since 1970; 0 before the first time.
    function lastRevocation() external view returns (uint64);

    /// @notice The role an account may act in now.
    /// @param account The account in question.
    /// @return Its role; NONE when it never was a member or was revoked.
    function roleOf(address account) external view returns (Role);

    /// @notice Whether an account is a member.
    /// @param account The account in question.
    /// @return NONE, ACTIVE or REVOKED.
    function statusOf(address account) external view returns (Status);

    /// @notice The epoch of an account's key.
    /// @param account The account in question.
    /// @return The epoch, also after revocation; 0 when it has no key.
    function keyEpochOf(address account) external view returns (uint32);
}
