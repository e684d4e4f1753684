"""The methods of the node that the embedded chain serves to every client.

Invariant: none of them changes the chain, stores state for its caller, or has unbounded cost (trials.py bounds two).

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
"""Read-only methods that go to the node. Filters are missing because nobody would remove them again, and tracing
because its cost is unbounded."""

TRIALS = frozenset(("eth_call", "eth_estimateGas"))
