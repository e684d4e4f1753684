"""`hemaledger`: one command line, a subcommand per role and task.

A command's module is imported when the command is called, so that `--help` answers at once.
"""

from __future__ import annotations

import importlib

import click

from scripts.wiring.exit import guarded

COMMANDS = {
    "demo": ("scripts.demo.command", "demo", "Run a whole federation on this machine, audit it, and serve the site."),
    "chain": (
        "scripts.commands.chain",
        "chain",
        "Run the embedded chain, prepare a shared one, or change how one is used.",
    ),
    "consortium": (
        "scripts.commands.consortium",
        "consortium",
        "Operator: found a consortium, and admit and revoke its members.",
    ),
    "join": ("scripts.commands.join", "join", "Become a member: one file from the operator, and this command."),
    "graph": ("scripts.commands.graph", "graph", "Show the graph of a round of many hospitals, and what can fail."),
    "doctor": ("scripts.commands.doctor", "doctor", "Check this machine: chain, clock, vault, keys, disk, device."),
    "status": ("scripts.commands.status", "status", "Show all members now, and for whom the round waits."),
    "backup": ("scripts.commands.backup", "backup", "Write a member's keys, images and settings into one file."),
    "restore": ("scripts.commands.backup", "restore", "Put a backup into an empty folder."),
    "hospital": ("scripts.commands.hospital", "hospital", "Hospital: set up, join, and take part in rounds."),
    "coordinator": ("scripts.commands.coordinator", "coordinator", "Coordinator: open rounds and sum the updates."),
    "federation": ("scripts.commands.federation", "federation", "Flower: start the rounds with `flwr run`."),
    "auditor": ("scripts.commands.auditor", "auditor", "Auditor: replay and attest each round while it runs."),
    "trustee": (
        "scripts.commands.trustee",
        "trustee",
        "Trustee: hold a share of a key, and approve or refuse requests.",
    ),
    "audit": ("scripts.commands.audit", "audit", "Check a consortium's whole history, or look up one file."),
    "log": ("scripts.commands.log", "log", "Keep the log over the ledger's records, and write whom to trust."),
    "witness": ("scripts.commands.witness", "witness", "Cosign checkpoints of the log that this member has replayed."),
    "monitor": ("scripts.commands.monitor", "monitor", "Watch ledger and log for a member, and keep evidence."),
    "prove": ("scripts.commands.prove", "prove", "Write a proof of a record that anybody can check offline."),
    "verify": (
        "scripts.commands.verify",
        "verify",
        "Check proofs and evidence offline, with nothing but a trust file.",
    ),
    "model": ("scripts.commands.model", "model", "Export a model as a file, or put a lost one back."),
    "evaluate": ("scripts.commands.evaluate", "evaluate", "Judge the newest model, and write its model card."),
    "head": ("scripts.commands.head", "head", "Private predictions: the model's last layer stays encrypted."),
    "ckks": ("scripts.commands.ckks", "ckks", "Encrypted rows: a host computes on values that it cannot read."),
    "explain": ("scripts.commands.explain", "explain", "Show where in a picture the newest model looked."),
    "data": ("scripts.commands.data", "data", "Draw synthetic cells, check images, or divide them."),
    "network": ("scripts.commands.network", "network", "Digest your own network's source, or fetch weights."),
    "tables": ("scripts.commands.tables", "tables", "Train on tables of patients, and compute one person's risk."),
    "serve": ("scripts.commands.serve", "serve", "Serve the web site of one hospital."),
    "records": ("scripts.commands.records", "records", "Site: anchor, erase and check sealed patient records."),
    "staff": ("scripts.commands.staff", "staff", "Site: manage accounts of doctors, auditors and operators."),
}


class LazyGroup(click.Group):
    """Imports a subcommand only when it is called."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hemaledger")
def main() -> None:
    """Hemaledger: blockchain-audited federated learning for hospitals.

    \b
    A first look:             hemaledger demo
    Your own images:          hemaledger demo --data FOLDER_OR_NPZ
    Check a finished run:     hemaledger audit --home RUN --auditor auditor
    A command per role:       hemaledger hospital --help

    \b
    Exit codes: 0 success; 65 bad input; 75 something does not answer, try again;
    76 evidence was changed; 77 the rules refuse it; 78 wrong settings.
    """  # noqa: D301 - click needs the character itself
    from scripts.wiring.secret_files import read_secret_files

    guarded(read_secret_files)()


if __name__ == "__main__":
    main()
