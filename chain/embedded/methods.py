"""The methods of a node that the embedded chain hands on to whoever asks.

Invariant: none of them changes the chain, keeps state for its caller, or costs without bounds (trials.py bounds two).

Source: JSON-RPC of Ethereum (execution-apis).
Not here: eth_sendRawTransaction and hemaledger_news, which chain.py answers itself.
"""

from __future__ import annotations

SERVED = frozenset(
    (
        *("eth_accounts", "eth_blockNumber", "eth_call"),
        *("eth_chainId", "eth_estimateGas", "eth_feeHistory"),
        *("eth_gasPrice", "eth_getBalance", "eth_getBlockByHash"),
        *("eth_getBlockByNumber", "eth_getBlockTransactionCountByHash", "eth_getBlockTransactionCountByNumber"),
        *("eth_getCode", "eth_getLogs", "eth_getProof"),
        *("eth_getStorageAt", "eth_getTransactionByBlockHashAndIndex", "eth_getTransactionByBlockNumberAndIndex"),
        *("eth_getTransactionByHash", "eth_getTransactionCount", "eth_getTransactionReceipt"),
        *("eth_maxPriorityFeePerGas", "eth_syncing", "net_listening"),
        *("net_version", "web3_clientVersion", "web3_sha3"),
    )
)
"""Read-only methods that are handed to the node. Filters are not: nobody would take them away again; tracing is not:
it costs without bounds."""

TRIALS = frozenset(("eth_call", "eth_estimateGas"))
