// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {FederationLedger} from "../../contracts/FederationLedger.sol";
import {IFederationLedger} from "../../contracts/IFederationLedger.sol";
import {IMembers} from "../../contracts/IMembers.sol";
import {KeyAuthority} from "../../contracts/KeyAuthority.sol";
import {vm} from "./Vm.sol";

/// @title tests/vectors/rounds.json against the contracts, without Python in between.
contract RoundVectorsTest {
    string private constant FILE = "tests/vectors/rounds.json";

    bytes32 private _consortium;
    KeyAuthority private _authority;
    FederationLedger private _ledger;
    FederationLedger private _successor;
    uint256 private _start = 1_800_000_000;

    /// @notice Every case of the file gives what it says.
    function testEveryCase() external {
        uint256 number = 0;
        while (this.play(number)) ++number;
        require(number > 90, "the file has fewer cases than it should");
    }

    /// @notice Play one case; a call of its own, so that memory is fresh.
    /// @param number Its index.
    /// @return there Whether there is such a case.
    function play(uint256 number) external returns (bool there) {
        string memory json = vm.readFile(FILE);
        string memory path = _indexed(".cases", number);
        if (!vm.keyExistsJson(json, path)) return false;
        _start += 1_000_000;
        vm.warp(_start);
        _consortium = vm.parseJsonBytes32(json, ".consortium");
        vm.prank(_account(json, "operator"));
        _authority = new KeyAuthority(_consortium);
        _ledger = new FederationLedger(_authority, IFederationLedger(address(0)));
        _successor = new FederationLedger(_authority, _ledger);
        string[] memory setups = vm.parseJsonStringArray(json, string.concat(path, ".setup"));
        for (uint256 i = 0; i < setups.length; ++i) _playAll(string.concat(".setups.", setups[i]));
        _playAll(string.concat(path, ".steps"));
        if (vm.keyExistsJson(json, string.concat(path, ".then"))) _checkEnd(json, string.concat(path, ".then"));
        return true;
    }

    /// @notice Play one step; a call of its own, so that memory is fresh.
    /// @param path Where it is in the file.
    /// @return there Whether there is such a step.
    function step(string calldata path) external returns (bool there) {
        string memory json = vm.readFile(FILE);
        if (!vm.keyExistsJson(json, path)) return false;
        vm.warp(_start + _number(json, path, ".at"));
        (address target, bytes memory data) = _call(json, path);
        vm.prank(_account(json, _text(json, path, ".by")));
        // solhint-disable-next-line avoid-low-level-calls
        (bool done, bytes memory answer) = target.call(data);
        if (vm.keyExistsJson(json, string.concat(path, ".refused"))) {
            require(!done, string.concat(path, " was not refused"));
            require(keccak256(answer) == keccak256(_refusal(json, path)), string.concat(path, ": another refusal"));
        } else {
            require(done, string.concat(path, " was refused"));
        }
        return true;
    }

    function _playAll(string memory path) private {
        uint256 number = 0;
        while (this.step(_indexed(path, number))) ++number;
    }

    function _checkEnd(string memory json, string memory path) private view {
        uint64 last = uint64(_number(json, path, ".lastRound"));
        require(_ledger.currentModel() == _digest(json, path, ".model"), "another model");
        require(_ledger.lastRound() == last, "another last round");
        require(uint256(_ledger.roundState(last).phase) == _number(json, path, ".phase"), "another phase");
    }

    function _call(string memory json, string memory path) private view returns (address, bytes memory) {
        bytes32 kind = keccak256(bytes(_text(json, path, ".do")));
        bool later = vm.keyExistsJson(json, string.concat(path, ".on"));
        address ledger = later ? address(_successor) : address(_ledger);
        string memory args = string.concat(path, ".args");
        if (kind == keccak256("RoundOpened")) return (ledger, _openRound(json, args));
        if (kind == keccak256("FederationOpened")) return (ledger, _openFederation(json, args));
        if (kind == keccak256("UpdateCommitted")) return (ledger, _commitUpdate(json, args));
        if (kind == keccak256("RoundFrozen")) return (ledger, _freezeRound(json, args));
        if (_isMasked(kind)) return (ledger, _maskedCall(json, args, kind));
        if (kind == keccak256("ModelProposed")) return (ledger, _proposeModel(json, args));
        if (kind == keccak256("ModelAttested")) return (ledger, _attestModel(json, args));
        if (kind == keccak256("RoundFinalised")) {
            return (ledger, abi.encodeCall(IFederationLedger.finaliseRound, (_round(json, args))));
        }
        if (kind == keccak256("RoundAborted")) {
            string memory reason = _text(json, args, ".reason");
            return (ledger, abi.encodeCall(IFederationLedger.abortRound, (_round(json, args), reason)));
        }
        if (kind == keccak256("LedgerHandedOver")) {
            address to = _account(json, _text(json, args, ".successor"));
            return (ledger, abi.encodeCall(IFederationLedger.handOver, (to)));
        }
        return (address(_authority), _memberCall(json, path, kind));
    }

    function _memberCall(string memory json, string memory path, bytes32 kind) private view returns (bytes memory) {
        string memory args = string.concat(path, ".args");
        if (kind == keccak256("MemberRegistered")) {
            address member = _account(json, _text(json, args, ".member"));
            uint8 role = uint8(_number(json, args, ".role"));
            return abi.encodeCall(IMembers.registerMember, (member, role, _text(json, args, ".memberName")));
        }
        if (kind == keccak256("MemberRevoked")) {
            address member = _account(json, _text(json, args, ".member"));
            return abi.encodeCall(IMembers.revokeMember, (member, _text(json, args, ".reason")));
        }
        uint32 epoch = uint32(_number(json, args, ".epoch"));
        (bytes memory key, bytes memory proof) = _present(json, path, epoch);
        if (kind == keccak256("KeyRegistered")) return abi.encodeCall(IMembers.registerKey, (epoch, key, proof));
        require(kind == keccak256("KeyRotated"), string.concat(path, ": unknown record"));
        return abi.encodeCall(IMembers.rotateKey, (epoch, key, proof));
    }

    function _isMasked(bytes32 kind) private pure returns (bool) {
        return
            kind == keccak256("KeysAdvertised") ||
            kind == keccak256("SharesDealt") ||
            kind == keccak256("SharesChecked") ||
            kind == keccak256("PhaseClosed") ||
            kind == keccak256("SetEndorsed") ||
            kind == keccak256("SharesRevealed");
    }

    function _maskedCall(string memory json, string memory args, bytes32 kind) private view returns (bytes memory) {
        uint64 round = _round(json, args);
        if (kind == keccak256("KeysAdvertised")) {
            (bytes memory mask, bytes memory transport) = _two(json, args, ".maskKey", ".transportKey");
            return abi.encodeCall(IFederationLedger.advertiseKeys, (round, mask, transport));
        }
        if (kind == keccak256("SharesDealt")) {
            (bytes memory mask, bytes memory self) = _two(json, args, ".maskCommitments", ".selfCommitments");
            bytes32 bundle = _digest(json, args, ".bundleDigest");
            return abi.encodeCall(IFederationLedger.dealShares, (round, mask, self, bundle));
        }
        if (kind == keccak256("SharesChecked")) {
            bytes memory complaints = vm.parseJsonBytes(json, string.concat(args, ".complaints"));
            return abi.encodeCall(IFederationLedger.checkShares, (round, complaints));
        }
        if (kind == keccak256("PhaseClosed")) {
            uint8 phase = uint8(_number(json, args, ".phase"));
            address[] memory hospitals = _accounts(json, string.concat(args, ".hospitals"));
            return abi.encodeCall(IFederationLedger.closePhase, (round, phase, hospitals));
        }
        bytes32 set = _setDigest(_text(json, args, ".setDigest"));
        if (kind == keccak256("SetEndorsed")) {
            bytes memory signature = vm.parseJsonBytes(json, string.concat(args, ".signature"));
            return abi.encodeCall(IFederationLedger.endorseSet, (round, set, signature));
        }
        return abi.encodeCall(IFederationLedger.revealShares, (round, set, _digest(json, args, ".digest")));
    }

    function _two(
        string memory json,
        string memory args,
        string memory first,
        string memory second
    ) private pure returns (bytes memory, bytes memory) {
        bytes memory one = vm.parseJsonBytes(json, string.concat(args, first));
        return (one, vm.parseJsonBytes(json, string.concat(args, second)));
    }

    function _setDigest(string memory text) private view returns (bytes32) {
        bool frozen = keccak256(bytes(text)) == keccak256("frozen");
        return frozen ? _ledger.roundState(_ledger.lastRound()).setDigest : vm.parseBytes32(text);
    }

    function _openFederation(string memory json, string memory args) private pure returns (bytes memory) {
        return
            abi.encodeCall(
                IFederationLedger.openFederation,
                (
                    uint64(_number(json, args, ".lastRound")),
                    _digest(json, args, ".modelDigest"),
                    _digest(json, args, ".envelopeDigest"),
                    _digest(json, args, ".manifestDigest")
                )
            );
    }

    function _openRound(string memory json, string memory args) private view returns (bytes memory) {
        string memory path = string.concat(args, ".terms");
        IFederationLedger.Terms memory terms = IFederationLedger.Terms({
            protection: IFederationLedger.Protection(_number(json, path, ".protection")),
            minCommitments: uint16(_number(json, path, ".minCommitments")),
            attestations: uint16(_number(json, path, ".attestations")),
            threshold: uint16(_number(json, path, ".threshold")),
            parameters: uint64(_number(json, path, ".parameters")),
            configDigest: _digest(json, path, ".configDigest"),
            stepTimeout: uint64(_number(json, path, ".stepTimeout")),
            commitDeadline: uint64(_start + _number(json, path, ".commitDeadline")),
            closeDeadline: uint64(_start + _number(json, path, ".closeDeadline"))
        });
        address[] memory roster = _accounts(json, string.concat(args, ".roster"));
        bytes32 previous = _digest(json, args, ".previousModel");
        return abi.encodeCall(IFederationLedger.openRound, (_round(json, args), terms, roster, previous));
    }

    function _commitUpdate(string memory json, string memory args) private pure returns (bytes memory) {
        bytes32 digest = _digest(json, args, ".digest");
        return abi.encodeCall(IFederationLedger.commitUpdate, (_round(json, args), digest));
    }

    function _freezeRound(string memory json, string memory args) private view returns (bytes memory) {
        address[] memory hospitals = _accounts(json, string.concat(args, ".hospitals"));
        return abi.encodeCall(IFederationLedger.freezeRound, (_round(json, args), hospitals));
    }

    function _proposeModel(string memory json, string memory args) private pure returns (bytes memory) {
        bytes32 model = _digest(json, args, ".modelDigest");
        bytes32 envelope = _digest(json, args, ".envelopeDigest");
        return abi.encodeCall(IFederationLedger.proposeModel, (_round(json, args), model, envelope));
    }

    function _attestModel(string memory json, string memory args) private pure returns (bytes memory) {
        bytes32 model = _digest(json, args, ".modelDigest");
        bytes32 report = _digest(json, args, ".reportDigest");
        return abi.encodeCall(IFederationLedger.attestModel, (_round(json, args), model, report));
    }

    function _present(
        string memory json,
        string memory path,
        uint32 epoch
    ) private view returns (bytes memory key, bytes memory proof) {
        string memory who = _text(json, path, ".by");
        (uint256 x, uint256 y) = vm.publicKeyP256(_scalar(json, who));
        key = abi.encodePacked(bytes1(0x04), x, y);
        proof = _prove(json, path, epoch, key);
        bytes32 shown = keccak256(bytes(_text(json, path, ".args.publicKey")));
        if (shown == keccak256("offCurve")) key = abi.encodePacked(bytes1(0x04), x, y ^ 1);
        if (shown == keccak256("compressedTag")) key = abi.encodePacked(bytes1(0x02), x, y);
        if (shown == keccak256("short")) key = abi.encodePacked(bytes1(0x04), x, bytes31(bytes32(y)));
        if (shown == keccak256("zero")) key = abi.encodePacked(bytes1(0x04), uint256(0), uint256(0));
    }

    function _prove(
        string memory json,
        string memory path,
        uint32 epoch,
        bytes memory key
    ) private view returns (bytes memory) {
        bytes32 how = keccak256(bytes(_text(json, path, ".args.proof")));
        string memory who = _text(json, path, ".by");
        bytes memory message = abi.encodePacked(
            "BAFL/1/pop",
            how == keccak256("otherConsortium") ? bytes32(0) : _consortium,
            uint64(how == keccak256("otherChain") ? block.chainid + 1 : block.chainid),
            how == keccak256("otherAuthority") ? address(_ledger) : address(_authority),
            _account(json, how == keccak256("otherAccount") ? "outsider" : who),
            how == keccak256("otherEpoch") ? epoch + 1 : epoch,
            key
        );
        uint256 scalar = _scalar(json, how == keccak256("otherKey") ? "outsider" : who);
        (bytes32 r, bytes32 s) = vm.signP256(scalar, sha256(message));
        bool high = uint256(s) > P256.N / 2;
        if (high != (how == keccak256("highS"))) s = bytes32(P256.N - uint256(s));
        if (how == keccak256("zero")) return new bytes(64);
        if (how == keccak256("short")) return abi.encodePacked(r, bytes31(s));
        if (how == keccak256("long")) return abi.encodePacked(r, s, bytes1(0));
        return abi.encodePacked(r, s);
    }

    function _refusal(string memory json, string memory path) private view returns (bytes memory data) {
        string memory name = _text(json, path, ".refused");
        data = abi.encodePacked(bytes4(keccak256(bytes(_text(json, ".errors.", name)))));
        string[] memory facts = vm.parseJsonStringArray(json, string.concat(path, ".fields"));
        for (uint256 i = 0; i < facts.length; ++i) data = bytes.concat(data, _fact(json, facts[i]));
    }

    function _fact(string memory json, string memory text) private view returns (bytes32) {
        bytes memory raw = bytes(text);
        if (keccak256(raw) == keccak256("frozen")) return _setDigest(text);
        if (raw.length == 66) return vm.parseBytes32(text);
        if (raw[0] == "+") {
            raw[0] = "0";
            return bytes32(_start + vm.parseUint(string(raw)));
        }
        if (raw[0] >= "0" && raw[0] <= "9") return bytes32(vm.parseUint(text));
        return bytes32(uint256(uint160(_account(json, text))));
    }

    function _account(string memory json, string memory name) private view returns (address) {
        if (keccak256(bytes(name)) == keccak256("nobody")) return address(0);
        if (keccak256(bytes(name)) == keccak256("successor")) return address(_successor);
        string memory path = string.concat(".accounts.", name, ".key");
        return vm.addr(uint256(vm.parseJsonBytes32(json, path)));
    }

    function _accounts(string memory json, string memory path) private view returns (address[] memory accounts) {
        string[] memory names = vm.parseJsonStringArray(json, path);
        accounts = new address[](names.length);
        for (uint256 i = 0; i < names.length; ++i) accounts[i] = _account(json, names[i]);
    }

    function _scalar(string memory json, string memory name) private pure returns (uint256) {
        return uint256(vm.parseJsonBytes32(json, string.concat(".accounts.", name, ".p256"))) % P256.N;
    }

    function _round(string memory json, string memory args) private pure returns (uint64) {
        return uint64(_number(json, args, ".round"));
    }

    function _number(string memory json, string memory path, string memory key) private pure returns (uint256) {
        return vm.parseJsonUint(json, string.concat(path, key));
    }

    function _digest(string memory json, string memory path, string memory key) private pure returns (bytes32) {
        return vm.parseJsonBytes32(json, string.concat(path, key));
    }

    function _text(string memory json, string memory path, string memory key) private pure returns (string memory) {
        return vm.parseJsonString(json, string.concat(path, key));
    }

    function _indexed(string memory path, uint256 number) private pure returns (string memory) {
        return string.concat(path, "[", vm.toString(number), "]");
    }
}
