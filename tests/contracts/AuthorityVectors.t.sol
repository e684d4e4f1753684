// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICeremonies} from "../../contracts/authority/ICeremonies.sol";
import {IKeyAuthority} from "../../contracts/authority/IKeyAuthority.sol";
import {IRequests} from "../../contracts/authority/IRequests.sol";
import {ISuccession} from "../../contracts/authority/ISuccession.sol";
import {VectorPlayer} from "./VectorPlayer.sol";
import {vm} from "./Vm.sol";

/// @title tests/vectors/authority.json against the contracts.
contract AuthorityVectorsTest is VectorPlayer("tests/vectors/authority.json", 91) {
    struct Dealing {
        bytes commitments;
        bytes proof;
        bytes32 bundleDigest;
    }

    mapping(string name => Dealing dealing) private _dealings;

    function _readMore(string memory json) internal override {
        string[] memory names = vm.parseJsonKeys(json, ".dealings");
        for (uint256 i = 0; i < names.length; ++i) {
            string memory path = string.concat(".dealings.", names[i]);
            _dealings[names[i]] = Dealing({
                commitments: _bytes(json, string.concat(path, ".commitments")),
                proof: _bytes(json, string.concat(path, ".proof")),
                bundleDigest: _digest(json, string.concat(path, ".bundleDigest"))
            });
        }
    }

    function _checkEnd(string memory json) internal view override {
        uint8 keyUse = uint8(_number(json, ".then.keyUse"));
        uint32 last = uint32(_number(json, ".then.last"));
        ICeremonies.CeremonyPhase phase = _authority.ceremonyState(keyUse, last).phase;
        require(_authority.lastCeremony(keyUse) == last, "another last ceremony");
        require(uint256(phase) == _number(json, ".then.phase"), "another phase");
        require(_authority.committeeInForce(keyUse) == _number(json, ".then.inForce"), "another committee");
        uint64 request = uint64(_number(json, ".then.requests"));
        require(_authority.lastRequest() == request, "another last request");
        uint256 requestPhase = uint256(_authority.requestState(request).phase);
        require(requestPhase == _number(json, ".then.requestPhase"), "another phase of the request");
        if (vm.keyExistsJson(json, ".then.operator")) {
            require(_authority.operator() == _account(_text(json, ".then.operator")), "another operator");
        }
        require(_authority.lastBatch(_account("h1")) == _number(json, ".then.batches"), "another batch");
    }

    function _checkAnswer(string memory json, bytes memory answer) internal pure override {
        if (answer.length == 0) return;
        uint64 request = abi.decode(answer, (uint64));
        require(request == _number(json, ".args.request"), string.concat("another number: ", json));
    }

    function _call(string memory json, bytes32 kind) internal view override returns (address, bytes memory) {
        if (vm.keyExistsJson(json, ".args.ceremony")) {
            return (address(_authority), _ceremonyCall(json, kind));
        }
        if (vm.keyExistsJson(json, ".args.request")) {
            return (address(_authority), _requestCall(json, kind));
        }
        if (kind == keccak256("RecordsAnchored")) {
            uint32 batch = uint32(_number(json, ".args.batch"));
            bytes32 root = _digest(json, ".args.root");
            return (address(_authority), abi.encodeCall(IKeyAuthority.anchorRecords, (batch, root)));
        }
        if (kind == keccak256("OperatorProposed")) {
            address account = _account(_text(json, ".args.account"));
            return (address(_authority), abi.encodeCall(ISuccession.proposeOperator, (account)));
        }
        if (vm.keyExistsJson(json, ".args.replacement")) {
            return (address(_authority), _replacementCall(json, kind));
        }
        return super._call(json, kind);
    }

    function _replacementCall(string memory json, bytes32 kind) private view returns (bytes memory) {
        uint32 replacement = uint32(_number(json, ".args.replacement"));
        if (kind == keccak256("ReplacementProposed")) {
            address candidate = _account(_text(json, ".args.candidate"));
            return abi.encodeCall(ISuccession.proposeReplacement, (replacement, candidate));
        }
        if (kind == keccak256("ReplacementVoted")) {
            return abi.encodeCall(ISuccession.voteReplacement, (replacement));
        }
        if (kind == keccak256("ReplacementVetoed")) {
            return abi.encodeCall(ISuccession.vetoReplacement, (replacement));
        }
        require(kind == keccak256("OperatorChanged"), string.concat("unknown record: ", json));
        return abi.encodeCall(ISuccession.takeOffice, (replacement));
    }

    function _ceremonyCall(string memory json, bytes32 kind) private view returns (bytes memory) {
        if (kind == keccak256("CeremonyStarted")) return _startCall(json);
        (uint8 keyUse, uint32 ceremony) = (_use(json), uint32(_number(json, ".args.ceremony")));
        if (kind == keccak256("CeremonyCommitted")) {
            return abi.encodeCall(ICeremonies.commitDealing, (keyUse, ceremony, _commitment(json)));
        }
        if (kind == keccak256("CeremonyDealt")) {
            Dealing memory dealing = _dealings[_text(json, ".args.dealing")];
            return
                abi.encodeCall(
                    ICeremonies.deal,
                    (keyUse, ceremony, dealing.commitments, dealing.proof, dealing.bundleDigest)
                );
        }
        if (kind == keccak256("CeremonyChecked")) {
            return abi.encodeCall(ICeremonies.checkDealings, (keyUse, ceremony, _complaints(json)));
        }
        if (kind == keccak256("CeremonyPhaseClosed")) {
            uint8 phase = uint8(_number(json, ".args.phase"));
            address[] memory dealers = _accounts(json, ".args.dealers");
            return abi.encodeCall(ICeremonies.closeCeremonyPhase, (keyUse, ceremony, phase, dealers));
        }
        if (kind == keccak256("CeremonyConfirmed")) {
            bytes memory key = _bytes(json, ".args.publicKey");
            bytes32 shares = _digest(json, ".args.sharesDigest");
            return abi.encodeCall(ICeremonies.confirmCeremony, (keyUse, ceremony, key, shares));
        }
        require(kind == keccak256("CeremonyAborted"), string.concat("unknown record: ", json));
        return abi.encodeCall(ICeremonies.abortCeremony, (keyUse, ceremony, _text(json, ".args.reason")));
    }

    function _startCall(string memory json) private view returns (bytes memory) {
        return
            abi.encodeCall(
                ICeremonies.startCeremony,
                (
                    _use(json),
                    uint32(_number(json, ".args.ceremony")),
                    uint8(_number(json, ".args.kind")),
                    uint16(_number(json, ".args.threshold")),
                    _accounts(json, ".args.dealers"),
                    _accounts(json, ".args.receivers"),
                    uint64(_number(json, ".args.stepTimeout")),
                    uint64(_start + _number(json, ".args.expiresAt"))
                )
            );
    }

    /// @dev What a step commits to: its dealing, by its sender in its ceremony unless it says otherwise.
    function _commitment(string memory json) private view returns (bytes32) {
        bool foreign = vm.keyExistsJson(json, ".args.as");
        bytes memory head = abi.encodePacked(
            "BAFL/1/dealing",
            _consortium,
            uint64(block.chainid),
            address(_authority),
            uint8(_either(json, ".args.asUse", ".args.keyUse")),
            uint32(_either(json, ".args.asCeremony", ".args.ceremony")),
            _account(foreign ? _text(json, ".args.as") : _text(json, ".by"))
        );
        Dealing memory dealing = _dealings[_text(json, ".args.dealing")];
        return sha256(bytes.concat(head, dealing.commitments, dealing.proof, dealing.bundleDigest));
    }

    function _either(
        string memory json,
        string memory first,
        string memory second
    ) private view returns (uint256) {
        return _number(json, vm.keyExistsJson(json, first) ? first : second);
    }

    function _requestCall(string memory json, bytes32 kind) private view returns (bytes memory) {
        uint64 request = uint64(_number(json, ".args.request"));
        if (kind == keccak256("DecryptionRequested")) {
            return
                abi.encodeCall(
                    IRequests.requestDecryption,
                    (
                        _use(json),
                        uint32(_number(json, ".args.epoch")),
                        _digest(json, ".args.label"),
                        _digest(json, ".args.capsuleDigest"),
                        uint8(_number(json, ".args.purpose")),
                        uint64(_start + _number(json, ".args.deadline"))
                    )
                );
        }
        if (kind == keccak256("DecryptionApproved")) {
            return abi.encodeCall(IRequests.approveDecryption, (request, _digest(json, ".args.digest")));
        }
        if (kind == keccak256("DecryptionRefused")) {
            uint8 reason = uint8(_number(json, ".args.reason"));
            return abi.encodeCall(IRequests.refuseDecryption, (request, reason));
        }
        require(kind == keccak256("DecryptionFulfilled"), string.concat("unknown record: ", json));
        return abi.encodeCall(IRequests.fulfilDecryption, (request));
    }

    function _use(string memory json) private pure returns (uint8) {
        return uint8(_number(json, ".args.keyUse"));
    }
}
