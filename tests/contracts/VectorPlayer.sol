// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {FederationLedger} from "../../contracts/ledger/FederationLedger.sol";
import {IFederationLedger} from "../../contracts/ledger/IFederationLedger.sol";
import {IMembers} from "../../contracts/authority/IMembers.sol";
import {KeyAuthority} from "../../contracts/authority/KeyAuthority.sol";
import {VectorLines} from "./VectorLines.sol";
import {actAs, vm} from "./Vm.sol";

/// @title Plays a file of vectors against the contracts, without Python in between.
/// @notice What is common to the files is here: accounts, keys, refusals, and the steps of members.
abstract contract VectorPlayer {
    using VectorLines for string[];
    using VectorLines for string;

    bytes32 internal _consortium;
    KeyAuthority internal _authority;
    FederationLedger internal _ledger;
    FederationLedger internal _successor;
    uint256 internal _start = 1_800_000_000;

    string private _file;
    uint256 private _atLeast;
    mapping(string name => address account) private _accountOf;
    mapping(string name => uint256 scalar) private _scalarOf;
    mapping(string name => bytes4 selector) private _selectorOf;

    /// @notice Play `file`.
    /// @param file Where it is.
    /// @param atLeast How many cases it has at least.
    constructor(string memory file, uint256 atLeast) {
        _file = file;
        _atLeast = atLeast;
    }

    /// @notice Read what the steps refer to.
    function setUp() external {
        string memory json = vm.readFile(_file);
        _consortium = vm.parseJsonBytes32(json, ".consortium");
        string[] memory names = vm.parseJsonKeys(json, ".accounts");
        for (uint256 i = 0; i < names.length; ++i) {
            string memory path = string.concat(".accounts.", names[i]);
            _accountOf[names[i]] = vm.addr(uint256(_digest(json, string.concat(path, ".key"))));
            _scalarOf[names[i]] = uint256(_digest(json, string.concat(path, ".p256"))) % P256.N;
        }
        names = vm.parseJsonKeys(json, ".errors");
        for (uint256 i = 0; i < names.length; ++i) {
            string memory signature = _text(json, string.concat(".errors.", names[i]));
            _selectorOf[names[i]] = bytes4(keccak256(bytes(signature)));
        }
        _readMore(json);
    }

    /// @notice Every case of the file gives what it says.
    function testEveryCase() external {
        string[] memory lines = VectorLines.read(_file);
        uint256 number = 0;
        uint256 end = 0;
        for (uint256 first = lines.find(" \"cases\": [") + 1; !lines[first].begins(" ]"); first = end + 1) {
            end = lines.endOfSteps(first);
            _playCase(lines, first, end);
            ++number;
        }
        require(number >= _atLeast, "the file has fewer cases than it should");
    }

    /// @notice Play one step; a call of its own, so that memory is fresh.
    /// @param json The step.
    function step(string calldata json) external {
        vm.warp(_start + _number(json, ".at"));
        (address target, bytes memory data) = _call(json, keccak256(bytes(_text(json, ".do"))));
        actAs(_account(_text(json, ".by")));
        // solhint-disable-next-line avoid-low-level-calls
        (bool done, bytes memory answer) = target.call(data);
        if (vm.keyExistsJson(json, ".refused")) {
            require(!done, string.concat("not refused: ", json));
            require(keccak256(answer) == keccak256(_refusal(json)), string.concat("another refusal: ", json));
        } else {
            require(done, string.concat("refused: ", json));
            _checkAnswer(json, answer);
        }
    }

    /// @dev What the steps of one file alone refer to.
    function _readMore(string memory json) internal virtual {}

    /// @dev What a step that was accepted returned.
    function _checkAnswer(string memory json, bytes memory answer) internal view virtual {}

    /// @dev Whom a step calls, and with what; members are here, the rest is the file's.
    function _call(
        string memory json, bytes32 kind
    ) internal view virtual returns (address, bytes memory) {
        if (kind == keccak256("MemberRegistered")) {
            address member = _account(_text(json, ".args.member"));
            uint8 role = uint8(_number(json, ".args.role"));
            string memory name = _text(json, ".args.memberName");
            return (address(_authority), abi.encodeCall(IMembers.registerMember, (member, role, name)));
        }
        if (kind == keccak256("MemberRevoked")) {
            address member = _account(_text(json, ".args.member"));
            string memory reason = _text(json, ".args.reason");
            return (address(_authority), abi.encodeCall(IMembers.revokeMember, (member, reason)));
        }
        uint32 epoch = uint32(_number(json, ".args.epoch"));
        (bytes memory key, bytes memory proof) = _present(json, epoch);
        if (kind == keccak256("KeyRegistered")) {
            return (address(_authority), abi.encodeCall(IMembers.registerKey, (epoch, key, proof)));
        }
        require(kind == keccak256("KeyRotated"), string.concat("unknown record: ", json));
        return (address(_authority), abi.encodeCall(IMembers.rotateKey, (epoch, key, proof)));
    }

    /// @dev How a case ends.
    function _checkEnd(string memory json) internal view virtual;

    /// @dev What a word in the fields of a refusal stands for, when it is no number, digest, time or account.
    function _word(string memory text) internal view virtual returns (bool known, bytes32 value) {}

    function _account(string memory name) internal view returns (address account) {
        if (keccak256(bytes(name)) == keccak256("nobody")) return address(0);
        if (keccak256(bytes(name)) == keccak256("successor")) return address(_successor);
        account = _accountOf[name];
        require(account != address(0), string.concat(name, ": unknown account"));
    }

    function _accounts(string memory json, string memory path) internal view returns (address[] memory accounts) {
        string[] memory names = vm.parseJsonStringArray(json, path);
        accounts = new address[](names.length);
        for (uint256 i = 0; i < names.length; ++i) accounts[i] = _account(names[i]);
    }

    /// @dev What a step complains of: these bytes, or 97 zero bytes about each of those named.
    function _complaints(string memory json) internal view returns (bytes memory complaints) {
        if (!vm.keyExistsJson(json, ".args.accused")) return _bytes(json, ".args.complaints");
        address[] memory accused = _accounts(json, ".args.accused");
        for (uint256 i = 0; i < accused.length; ++i) {
            complaints = bytes.concat(complaints, bytes20(accused[i]), new bytes(97));
        }
    }

    function _number(string memory json, string memory path) internal pure returns (uint256) {
        return vm.parseJsonUint(json, path);
    }

    function _digest(string memory json, string memory path) internal pure returns (bytes32) {
        return vm.parseJsonBytes32(json, path);
    }

    function _bytes(string memory json, string memory path) internal pure returns (bytes memory) {
        return vm.parseJsonBytes(json, path);
    }

    function _text(string memory json, string memory path) internal pure returns (string memory) {
        return vm.parseJsonString(json, path);
    }

    /// @dev The case from line `first` to line `end`.
    function _playCase(string[] memory lines, uint256 first, uint256 end) private {
        string memory head = string.concat(lines[first], "]}");
        _start += 1_000_000;
        vm.warp(_start);
        actAs(_account("operator"));
        _authority = new KeyAuthority(_consortium);
        _ledger = new FederationLedger(_authority, IFederationLedger(address(0)));
        _successor = new FederationLedger(_authority, _ledger);
        string[] memory names = vm.parseJsonStringArray(head, ".setup");
        for (uint256 i = 0; i < names.length; ++i) {
            uint256 setup = lines.find(string.concat("  \"", names[i], "\": ["));
            _playSteps(lines, setup, lines.endOfSteps(setup));
        }
        _playSteps(lines, first, end);
        if (vm.keyExistsJson(head, ".then")) _checkEnd(head);
    }

    function _playSteps(string[] memory lines, uint256 first, uint256 end) private {
        for (uint256 i = first + 1; i < end; ++i) this.step(lines[i].withoutComma());
    }

    function _present(
        string memory json,
        uint32 epoch
    ) private view returns (bytes memory key, bytes memory proof) {
        string memory who = _text(json, ".by");
        (uint256 x, uint256 y) = vm.publicKeyP256(_scalar(who));
        key = abi.encodePacked(bytes1(0x04), x, y);
        proof = _prove(json, epoch, key);
        bytes32 shown = keccak256(bytes(_text(json, ".args.publicKey")));
        if (shown == keccak256("offCurve")) key = abi.encodePacked(bytes1(0x04), x, y ^ 1);
        if (shown == keccak256("compressedTag")) key = abi.encodePacked(bytes1(0x02), x, y);
        if (shown == keccak256("short")) key = abi.encodePacked(bytes1(0x04), x, bytes31(bytes32(y)));
        if (shown == keccak256("zero")) key = abi.encodePacked(bytes1(0x04), uint256(0), uint256(0));
    }

    function _prove(
        string memory json,
        uint32 epoch,
        bytes memory key
    ) private view returns (bytes memory) {
        bytes32 how = keccak256(bytes(_text(json, ".args.proof")));
        string memory who = _text(json, ".by");
        bytes memory message = abi.encodePacked(
            "BAFL/1/pop",
            how == keccak256("otherConsortium") ? bytes32(0) : _consortium,
            uint64(how == keccak256("otherChain") ? block.chainid + 1 : block.chainid),
            how == keccak256("otherAuthority") ? address(_ledger) : address(_authority),
            _account(how == keccak256("otherAccount") ? "outsider" : who),
            how == keccak256("otherEpoch") ? epoch + 1 : epoch,
            key
        );
        uint256 scalar = _scalar(how == keccak256("otherKey") ? "outsider" : who);
        (bytes32 r, bytes32 s) = vm.signP256(scalar, sha256(message));
        bool high = uint256(s) > P256.N / 2;
        if (high != (how == keccak256("highS"))) s = bytes32(P256.N - uint256(s));
        if (how == keccak256("zero")) return new bytes(64);
        if (how == keccak256("short")) return abi.encodePacked(r, bytes31(s));
        if (how == keccak256("long")) return abi.encodePacked(r, s, bytes1(0));
        return abi.encodePacked(r, s);
    }

    function _refusal(string memory json) private view returns (bytes memory data) {
        bytes4 selector = _selectorOf[_text(json, ".refused")];
        require(selector != 0, string.concat("unknown error: ", json));
        data = abi.encodePacked(selector);
        string[] memory facts = vm.parseJsonStringArray(json, ".fields");
        for (uint256 i = 0; i < facts.length; ++i) data = bytes.concat(data, _fact(facts[i]));
    }

    function _fact(string memory text) private view returns (bytes32) {
        (bool known, bytes32 value) = _word(text);
        if (known) return value;
        bytes memory raw = bytes(text);
        if (raw.length == 66) return vm.parseBytes32(text);
        if (raw[0] == "+") {
            raw[0] = "0";
            return bytes32(_start + vm.parseUint(string(raw)));
        }
        if (raw[0] >= "0" && raw[0] <= "9") return bytes32(vm.parseUint(text));
        return bytes32(uint256(uint160(_account(text))));
    }

    function _scalar(string memory name) private view returns (uint256 scalar) {
        scalar = _scalarOf[name];
        require(scalar != 0, string.concat(name, ": unknown account"));
    }
}
