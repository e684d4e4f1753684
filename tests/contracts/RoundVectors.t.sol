// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFederationLedger} from "../../contracts/ledger/IFederationLedger.sol";
import {VectorPlayer} from "./VectorPlayer.sol";
import {vm} from "./Vm.sol";

/// @title tests/vectors/rounds.json against the contracts.
contract RoundVectorsTest is VectorPlayer("tests/vectors/rounds.json", 111) {
    function _checkEnd(string memory json) internal view override {
        uint64 last = uint64(_number(json, ".then.lastRound"));
        require(_ledger.currentModel() == _digest(json, ".then.model"), "another model");
        require(_ledger.lastRound() == last, "another last round");
        require(uint256(_ledger.roundState(last).phase) == _number(json, ".then.phase"), "another phase");
    }

    function _call(string memory json, bytes32 kind) internal view override returns (address, bytes memory) {
        bool later = vm.keyExistsJson(json, ".on");
        address ledger = later ? address(_successor) : address(_ledger);
        if (kind == keccak256("RoundOpened")) return (ledger, _openRound(json));
        if (kind == keccak256("FederationOpened")) return (ledger, _openFederation(json));
        if (kind == keccak256("ModelGranted")) return (ledger, _grantModel(json));
        if (kind == keccak256("UpdateCommitted")) return (ledger, _commitUpdate(json));
        if (kind == keccak256("RoundFrozen")) return (ledger, _freezeRound(json));
        if (_isMasked(kind)) return (ledger, _maskedCall(json, kind));
        if (kind == keccak256("ModelProposed")) return (ledger, _proposeModel(json));
        if (kind == keccak256("ModelAttested")) return (ledger, _attestModel(json));
        if (kind == keccak256("RoundFinalised")) {
            return (ledger, abi.encodeCall(IFederationLedger.finaliseRound, (_round(json))));
        }
        if (kind == keccak256("RoundAborted")) {
            string memory reason = _text(json, ".args.reason");
            return (ledger, abi.encodeCall(IFederationLedger.abortRound, (_round(json), reason)));
        }
        if (kind == keccak256("StatementMade")) return (ledger, _makeStatement(json));
        if (kind == keccak256("CheckpointAnchored")) {
            uint64 size = uint64(_number(json, ".args.size"));
            return (ledger, abi.encodeCall(IFederationLedger.anchorCheckpoint, (size, _digest(json, ".args.root"))));
        }
        if (kind == keccak256("ModelReverted")) {
            bytes32 model = _digest(json, ".args.modelDigest");
            return (ledger, abi.encodeCall(IFederationLedger.revertModel, (_round(json), model)));
        }
        if (kind == keccak256("LedgerHandedOver")) {
            address to = _account(_text(json, ".args.successor"));
            return (ledger, abi.encodeCall(IFederationLedger.handOver, (to)));
        }
        return super._call(json, kind);
    }

    function _makeStatement(string memory json) private view returns (bytes memory) {
        IFederationLedger.Statement what = IFederationLedger.Statement(_number(json, ".args.kind"));
        bytes32 digest = _digest(json, ".args.digest");
        string memory text = _text(json, ".args.text");
        return abi.encodeCall(IFederationLedger.makeStatement, (_round(json), what, digest, text));
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

    function _maskedCall(string memory json, bytes32 kind) private view returns (bytes memory) {
        uint64 round = _round(json);
        if (kind == keccak256("KeysAdvertised")) {
            (bytes memory mask, bytes memory transport) = _two(json, ".args.maskKey", ".args.transportKey");
            return abi.encodeCall(IFederationLedger.advertiseKeys, (round, mask, transport));
        }
        if (kind == keccak256("SharesDealt")) {
            (bytes memory mask, bytes memory self) = _two(json, ".args.maskCommitments", ".args.selfCommitments");
            bytes32 bundle = _digest(json, ".args.bundleDigest");
            return abi.encodeCall(IFederationLedger.dealShares, (round, mask, self, bundle));
        }
        if (kind == keccak256("SharesChecked")) {
            return abi.encodeCall(IFederationLedger.checkShares, (round, _complaints(json)));
        }
        if (kind == keccak256("PhaseClosed")) {
            uint8 phase = uint8(_number(json, ".args.phase"));
            address[] memory hospitals = _accounts(json, ".args.hospitals");
            return abi.encodeCall(IFederationLedger.closePhase, (round, phase, hospitals));
        }
        bytes32 set = _setDigest(_text(json, ".args.setDigest"));
        if (kind == keccak256("SetEndorsed")) {
            bytes memory signature = _bytes(json, ".args.signature");
            return abi.encodeCall(IFederationLedger.endorseSet, (round, set, signature));
        }
        return abi.encodeCall(IFederationLedger.revealShares, (round, set, _digest(json, ".args.digest")));
    }

    function _two(
        string memory json,
        string memory first,
        string memory second
    ) private pure returns (bytes memory, bytes memory) {
        return (_bytes(json, first), _bytes(json, second));
    }

    function _word(string memory text) internal view override returns (bool known, bytes32 value) {
        known = keccak256(bytes(text)) == keccak256("frozen");
        if (known) value = _setDigest(text);
    }

    function _setDigest(string memory text) private view returns (bytes32) {
        bool frozen = keccak256(bytes(text)) == keccak256("frozen");
        return frozen ? _ledger.roundState(_ledger.lastRound()).setDigest : vm.parseBytes32(text);
    }

    function _openFederation(string memory json) private pure returns (bytes memory) {
        return
            abi.encodeCall(
                IFederationLedger.openFederation,
                (
                    uint64(_number(json, ".args.lastRound")),
                    _digest(json, ".args.modelDigest"),
                    _digest(json, ".args.envelopeDigest"),
                    _digest(json, ".args.manifestDigest")
                )
            );
    }

    function _openRound(string memory json) private view returns (bytes memory) {
        IFederationLedger.Terms memory terms = IFederationLedger.Terms({
            protection: IFederationLedger.Protection(_number(json, ".args.terms.protection")),
            minCommitments: uint16(_number(json, ".args.terms.minCommitments")),
            attestations: uint16(_number(json, ".args.terms.attestations")),
            threshold: uint16(_number(json, ".args.terms.threshold")),
            parameters: uint64(_number(json, ".args.terms.parameters")),
            configDigest: _digest(json, ".args.terms.configDigest"),
            stepTimeout: uint64(_number(json, ".args.terms.stepTimeout")),
            commitDeadline: uint64(_start + _number(json, ".args.terms.commitDeadline")),
            closeDeadline: uint64(_start + _number(json, ".args.terms.closeDeadline"))
        });
        address[] memory roster = _accounts(json, ".args.roster");
        bytes32 previous = _digest(json, ".args.previousModel");
        return abi.encodeCall(IFederationLedger.openRound, (_round(json), terms, roster, previous));
    }

    function _grantModel(string memory json) private view returns (bytes memory) {
        return
            abi.encodeCall(
                IFederationLedger.grantModel,
                (
                    _account(_text(json, ".args.reader")),
                    uint32(_number(json, ".args.epoch")),
                    _digest(json, ".args.modelDigest"),
                    _digest(json, ".args.digest")
                )
            );
    }

    function _commitUpdate(string memory json) private pure returns (bytes memory) {
        bytes32 digest = _digest(json, ".args.digest");
        return abi.encodeCall(IFederationLedger.commitUpdate, (_round(json), digest));
    }

    function _freezeRound(string memory json) private view returns (bytes memory) {
        address[] memory hospitals = _accounts(json, ".args.hospitals");
        return abi.encodeCall(IFederationLedger.freezeRound, (_round(json), hospitals));
    }

    function _proposeModel(string memory json) private pure returns (bytes memory) {
        bytes32 model = _digest(json, ".args.modelDigest");
        bytes32 envelope = _digest(json, ".args.envelopeDigest");
        return abi.encodeCall(IFederationLedger.proposeModel, (_round(json), model, envelope));
    }

    function _attestModel(string memory json) private pure returns (bytes memory) {
        bytes32 model = _digest(json, ".args.modelDigest");
        bytes32 report = _digest(json, ".args.reportDigest");
        return abi.encodeCall(IFederationLedger.attestModel, (_round(json), model, report));
    }

    function _round(string memory json) private pure returns (uint64) {
        return uint64(_number(json, ".args.round"));
    }
}
