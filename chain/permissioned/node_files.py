"""The files with which validators start their nodes: genesis, peers, a compose file, and what to do with them.

Invariant: nothing in them is secret, and every validator gets the same files; only `.env` names whose they are. The
JSON-RPC port is open to this machine alone.

Source: Besu documentation (options, static nodes); geth 1.13 documentation (clique, `--help`); Compose specification.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from chain.permissioned.genesis import Consensus, Network, genesis
from fl.protocol.codec import sha256

BESU = "hyperledger/besu:24.12.2"
GETH = "ethereum/client-go:v1.13.15"
"""The last line of geth that makes clique blocks without a beacon chain."""
RPC_PORT = 8545

_BESU = """\
# One validator: Besu with QBFT. Beside it: genesis.json, static-nodes.json, .env, and the folder key/ (README.md).
services:
  validator:
    image: {image}
    restart: unless-stopped
    security_opt: ["no-new-privileges:true"]
    ports:
      - "{p2p}:{p2p}/tcp"
      - "{p2p}:{p2p}/udp"
      - "127.0.0.1:{rpc}:{rpc}"
    volumes:
      - ./genesis.json:/network/genesis.json:ro
      - ./static-nodes.json:/network/static-nodes.json:ro
      - ./key:/key:ro
      - data:/opt/besu/data
    command:
      - --data-path=/opt/besu/data
      - --static-nodes-file=/network/static-nodes.json
      - --genesis-file=/network/genesis.json
      - --node-private-key-file=/key/node.key
      - --network-id={chain_id}
      - --p2p-host=${{HOST:?the address of this validator, see README.md}}
      - --p2p-port={p2p}
      - --discovery-enabled=false
      - --min-gas-price=0
      - --tx-pool=sequenced
      - --tx-pool-limit-by-account-percentage=0.15
      - --rpc-http-enabled
      - --rpc-http-host=0.0.0.0
      - --rpc-http-port={rpc}
      - --rpc-http-api=ETH,NET,WEB3,QBFT
      - --host-allowlist=localhost,127.0.0.1
      - --rpc-max-logs-range=0
      - --sync-mode=FULL
volumes:
  data:
"""

_GETH = """\
# One validator: geth with clique, for development. Beside it: genesis.json, config.toml, .env and key/ (README.md).
services:
  prepare:
    image: {image}
    command: ["--datadir=/data", "init", "/network/genesis.json"]
    volumes: &volumes
      - ./genesis.json:/network/genesis.json:ro
      - ./config.toml:/network/config.toml:ro
      - ./key:/key:ro
      - data:/data
  account:
    image: {image}
    command: ["--datadir=/data", "account", "import", "--password=/key/password", "/key/node.key"]
    volumes: *volumes
    depends_on:
      prepare: {{condition: service_completed_successfully}}
  validator:
    image: {image}
    restart: unless-stopped
    ports:
      - "{p2p}:{p2p}/tcp"
      - "{p2p}:{p2p}/udp"
      - "127.0.0.1:{rpc}:{rpc}"
    volumes: *volumes
    depends_on:
      account: {{condition: service_started}}
    command:
      - --config=/network/config.toml
      - --datadir=/data
      - --nodekey=/key/node.key
      - --networkid={chain_id}
      - --nat=extip:${{HOST:?the address of this validator, see README.md}}
      - --port={p2p}
      - --syncmode=full
      - --gcmode=archive
      - --mine
      - --miner.etherbase=${{ACCOUNT:?the account of this validator, see README.md}}
      - --miner.gasprice=0
      - --unlock=${{ACCOUNT}}
      - --password=/key/password
      - --allow-insecure-unlock
      - --http
      - --http.addr=0.0.0.0
      - --http.port={rpc}
      - --http.api=eth,net,web3,clique
      - --http.vhosts=localhost
volumes:
  data:
"""


def files_of(network: Network) -> Mapping[str, bytes]:
    """Return the files that every validator needs, by their names."""
    peers = [each.enode for each in network.validators]
    besu = network.consensus == Consensus.QBFT
    files = {"genesis.json": genesis(network), "README.md": _readme(network).encode()}
    if besu:
        files["static-nodes.json"] = (json.dumps(peers, indent=2) + "\n").encode()
    else:
        lines = ",\n".join(f"  {json.dumps(peer)}" for peer in peers)
        files["config.toml"] = f"[Node.P2P]\nNoDiscovery = true\nStaticNodes = [\n{lines},\n]\n".encode()
    ports = {each.port for each in network.validators}
    for port in sorted(ports):
        name = "compose.yaml" if len(ports) == 1 else f"compose.{port}.yaml"
        text = (_BESU if besu else _GETH).format(
            image=BESU if besu else GETH, p2p=port, rpc=RPC_PORT, chain_id=network.chain_id
        )
        files[name] = text.encode()
    return files


def _readme(network: Network) -> str:
    rows = "\n".join(
        f"| {each.name} | `0x{each.account.hex()}` | {each.host} | {each.port} |" for each in network.validators
    )
    count, down = len(network.validators), network.may_fail
    besu = network.consensus == Consensus.QBFT
    lines = [
        f"# A chain of {count} validators ({network.consensus})",
        "",
        f"Chain id {network.chain_id}, a block every {network.block_time_s} s, gas is free. Blocks go on while at most",
        f"{down} of {count} validators are down. All validators have the same files. Compare the fingerprint by phone",
        f"(`sha256sum genesis.json`): `{sha256(genesis(network)).hex()}`",
        "",
        "| validator | account | address | port |",
        "|---|---|---|---|",
        rows,
        "",
        "On each validator's machine, in a folder with these files:",
        "",
        "1. Put the folder with your own key here as `key/`. Nobody else gets it."
        + (" Besu's container runs as user 1000:" if besu else ""),
        *(["   `sudo chown -R 1000 key`."] if besu else []),
        "2. Open the port of the table, TCP and UDP, for the addresses of the table and nobody else.",
        "3. Write a file `.env` with your line of the table: `HOST=` your address"
        + (", `ACCOUNT=` your account." if network.consensus == Consensus.CLIQUE else "."),
        "4. `docker compose up --detach`. The first block comes when enough validators run.",
        "5. Your members use `http://127.0.0.1:8545`. For other machines, put a TLS proxy in front of it.",
        "",
        "Then the operator founds the consortium: `hemaledger consortium create --rpc http://127.0.0.1:8545`.",
    ]
    return "\n".join(lines) + "\n"
