"""The Flower app of Hemaledger: a ServerApp and a ClientApp that call agents through sockets of their own machine.

Invariant: only the standard library and flwr are imported here, so that a SuperNode needs no key, no password and no
package of Hemaledger. What travels through Flower is a round's number and what the ledger shows everybody.
"""
