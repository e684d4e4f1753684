"""A network and a loss of a consortium's own: an example of docs/networks.md.

Install a package like this one at every member, agree on its digest, and open the federation with
`--backbone own_network.model:build@SHA256`.
"""
