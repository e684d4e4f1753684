"""The guides are true: their commands run, their links lead somewhere, their tables are those of the code.

Above every `sh` block stands a comment: `<!-- test: step 40 -->` runs its commands at that place of one story over all
guides; `starts "REGEX"` keeps the command running once its output matches; `exits N` expects that exit code;
`<!-- test: not run, REASON -->` gives a reason. Short commands run in this process, long-running ones in their own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from chain.transactions import keystore
from chain.transactions.eip712 import AccountEndorser, statement_digest
from fl.crypto.envelope_form import CORE_BYTES, HEAD_BYTES, Kind
from fl.protocol.codec import Reader, Writer
from fl.protocol.keys.ceremony import CEREMONY_NEXT, CeremonyPhase
from fl.protocol.keys.requests import RequestPhase
from fl.protocol.names import Address, Digest, Protection
from fl.protocol.ports import SetStatement
from fl.protocol.records import KEY_RECORDS, LEDGER_RECORDS, Terms
from fl.protocol.rounds.round import NEXT, Phase, terms_digest
from scripts.bench.crowd import main as crowd
from scripts.bench.foreign import main as foreign
from scripts.bench.kills import main as kills
from scripts.bench.models import main as models
from scripts.bench.parts import main as parts
from scripts.bench.protections import main as protections
from scripts.bench.scale import main as scale
from scripts.cli import COMMANDS, main
from scripts.fuzz.__main__ import main as fuzz
from scripts.wiring.home import Home
from tests.support.processes import Process, free_port, invoke

ROOT = Path(__file__).parents[2]
PROTOCOL = ROOT / "fl" / "protocol" / "PROTOCOL.md"
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *GUIDES, PROTOCOL]
BLOCK = re.compile(r"(?:<!-- test: (?P<mark>[^\n]+) -->\n)?```sh\n(?P<body>.*?)```", re.DOTALL)
MARK = re.compile(r'step (?P<step>\d+)(?:, starts "(?P<starts>.+)")?(?:, exits (?P<exits>\d+))?')
NOT_RUN = re.compile(r"not run, (?P<reason>.{10,})")
SMALL: dict[tuple[str, str], tuple[str, ...]] = {
    ("data", "draw"): ("--subjects", "12", "--cells", "4", "--image-size", "32"),
    ("consortium", "create"): ("--task", "leukemia-drawn"),
    ("coordinator", "run"): (
        *("--preset", "synthetic", "--width", "8", "--image-size", "32", "--epochs", "1"),
        *("--rounds", "2", "--hospitals", "1", "--no-calibrate"),
    ),
    ("hospital", "run"): ("--threads", "1", "--device", "cpu"),
}
"""Appended to a guide's command, so that the story is short; the command's own options stay and are parsed."""

OF_OTHER_PROGRAMS = {
    "--signature",
    "--public",
    *("--no-deps", "--index-url", "--no-index", "--offline"),  # pip and npm
    *("--decrypt", "--list", "--verbose"),  # age and tar
    *("--target", "--build-arg", "--platform", "--rm", "--detach", "--profile"),  # docker
    *("--stream", "--trusted-entities"),  # Flower
    *("--system", "--home-dir", "--shell"),  # useradd
    *("--install", "--set", "--set-json"),  # helm
    "--now",  # systemctl
}
"""Options that the guides name and `hemaledger` does not have."""


@dataclass(frozen=True)
class Block:
    """The commands of one fenced block."""

    page: Path
    mark: str
    commands: tuple[str, ...]

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.commands[0]}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, found["mark"] or "", tuple(line for line in found["body"].splitlines() if line.strip()))
        for found in BLOCK.finditer(text)
    ]


ALL_BLOCKS = [block for page in PAGES for block in blocks(page)]


@dataclass
class Story:
    """One temporary consortium on which the guides' commands run."""

    folder: Path
    port: int
    processes: list[Process]

    @property
    def home(self) -> Home:
        return Home(self.folder / "run")

    def env(self) -> dict[str, str]:
        """Return what the guides leave to the reader: the folder, the password, accounts and addresses."""
        found = {"HEMALEDGER_HOME": str(self.home.folder), "HEMALEDGER_PASSWORD": "four random words here"}
        found["HEMALEDGER_STAFF_PASSWORD"] = "a password of a person"
        found["HEMALEDGER_BACKUP_PASSWORD"] = "five quite other random words"
        found["HEMALEDGER_KIT_PASSWORD"] = "a password of the kit"
        for member in self.home.members():
            if member.account_file.exists():
                address = json.loads(member.account_file.read_bytes())["address"].removeprefix("0x")
                found[member.name.upper()] = f"0x{address}"
        if self.home.deployment_file.exists():
            document = json.loads(self.home.deployment_file.read_bytes())
            found |= {"RPC": document["url"], "AUTHORITY": document["authority"], "LEDGER": document["ledger"]}
        return {**found, "VAULT": str(self.home.folder / "vault"), "KEYS": str(self.home.member("auditor").folder)}

    def arguments(self, command: str) -> list[str]:
        """Return what follows `hemaledger`, with variables filled in and ports that are free here."""
        for name, value in self.env().items():
            command = command.replace(f"${name}", value)
        words = shlex.split(command)[1:]
        for here, free in (("8545", str(self.port)), ("8000", str(free_port()))):
            words = [word.replace(here, free) for word in words]
        return [*words, *SMALL.get((words[0], "".join(words[1:2])), ())]

    def run(self, block: Block) -> None:
        mark = MARK.fullmatch(block.mark)
        assert mark
        for command in block.commands:
            if command.startswith("export HEMALEDGER_"):
                continue
            arguments = self.arguments(command)
            if mark["starts"]:
                process = Process(*arguments, env=self.env())
                self.processes.append(process)
                process.wait_for(mark["starts"])
                continue
            result = invoke(*arguments, env=self.env())
            assert result.exit_code == int(mark["exits"] or 0), f"{block.where}\n{result.output}"


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(keystore, "WORK_FACTOR", 2**12)  # a person's password, hashed as fast as a demo's
    found = Story(tmp_path, free_port(), [])
    try:
        yield found
    finally:
        for process in reversed(found.processes):
            process.send(signal.SIGCONT)
            process.kill()


@pytest.mark.slow
def test_the_commands_of_the_guides_run_one_after_another(story: Story) -> None:
    steps = [(int(mark["step"]), block) for block in ALL_BLOCKS if (mark := MARK.fullmatch(block.mark))]
    for _, block in sorted(steps, key=lambda step: step[0]):
        story.run(block)
    assert len(steps) == len({step for step, _ in steps}), "two blocks claim the same step"
    assert json.loads(story.home.audit_report.read_bytes())["clean"]


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=lambda block: block.where)
def test_every_block_of_commands_is_run_or_says_why_not(block: Block) -> None:
    assert MARK.fullmatch(block.mark) or NOT_RUN.fullmatch(block.mark), f"{block.where} has the mark {block.mark!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    tops = "chain|contracts|docs|fl|scripts|tests|webui"
    named = set(re.findall(rf"`((?:{tops})/[\w./*-]+)`", text))
    missing = [name for name in sorted(named) if not list(ROOT.glob(name.rstrip("/")))]
    assert missing == []


def commands_of(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from commands_of(command, (*path, name))


def test_every_option_that_a_page_names_exists() -> None:
    commands = dict(commands_of(main))
    commands |= {
        ("protections",): protections,
        ("fuzz",): fuzz,
        ("models",): models,
        ("foreign",): foreign,
        ("parts",): parts,
        ("kills",): kills,
        ("scale",): scale,
        ("crowd",): crowd,
    }
    known = {option for command in commands.values() for param in command.params for option in param.opts}
    known |= {option for command in commands.values() for param in command.params for option in param.secondary_opts}
    known |= {"--help", "--version", *OF_OTHER_PROGRAMS}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", re.sub(r"<!--.*?-->|\|[-|]+\|", "", text)))
        assert named <= known, f"{page.name} names {sorted(named - known)}"


def test_every_command_that_a_page_names_exists() -> None:
    commands = dict(commands_of(main))
    for page in PAGES:
        for name, word in re.findall(
            r"`(?:\.venv/bin/)?hemaledger ([a-z]+)(?: ([a-z-]+))?", page.read_text(encoding="utf-8")
        ):
            assert name in COMMANDS, f"{page.name}: hemaledger {name}"
            known = isinstance(commands[(name,)], click.Group) and name != "audit"
            assert not known or not word or word.startswith("-") or (name, word) in commands, (
                f"{page.name}: {name} {word}"
            )


def table(name: str) -> list[list[str]]:
    """Return the rows of the table behind a marker of PROTOCOL.md."""
    text = PROTOCOL.read_text(encoding="utf-8")
    lines = text.split(f"<!-- {name} -->\n", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_protocol_names_exactly_the_records_of_the_code() -> None:
    rows = [(row[0].strip("`"), row[1]) for row in table("table: records")]
    expected = [(record.__name__, "key authority") for record in KEY_RECORDS]
    assert rows == expected + [(record.__name__, "ledger") for record in LEDGER_RECORDS]


def test_the_protocol_names_exactly_the_phases_and_steps_of_the_code() -> None:
    rows = table("table: phases")
    assert [(row[0].strip("`"), int(row[1])) for row in rows] == [(phase.name, phase.value) for phase in Phase]
    steps = {
        (row[0].strip("`"), record, target)
        for row in rows
        for record, target in re.findall(r"`(\w+)` → `(\w+)`", row[3])
    }
    expected = {(phase.name, record.__name__, target.name) for (_, phase, record), target in NEXT.items()}
    assert steps == expected | {("NONE", "RoundOpened", "OPEN"), ("NONE", "RoundOpened", "ADVERTISE")}


def test_the_protocol_names_exactly_the_phases_of_ceremonies_and_requests() -> None:
    rows = [row for row in table("table: ceremonies") if row[0]]
    named = [(row[0].strip("`"), int(row[1])) for row in rows]
    assert named == [(phase.name, phase.value) for phase in CeremonyPhase if phase]
    awaited = {(row[0].strip("`"), row[2].strip("`")) for row in rows if row[2]}
    own = {(phase.name, kind.__name__) for (phase, kind), then in CEREMONY_NEXT.items() if then == phase}
    assert awaited == own - {("DONE", "CeremonyConfirmed")} | {("ABORTED", "CeremonyAborted")}
    rows = table("table: requests")
    assert [(row[0].strip("`"), int(row[1])) for row in rows] == [(phase.name, phase.value) for phase in RequestPhase][
        1:
    ]


def test_the_example_of_the_protocol_is_a_head_that_the_code_reads() -> None:
    rows = table("example: head")
    head = bytes.fromhex("".join(row[1].strip("`") for row in rows))
    assert [len(row[1].strip("`")) // 2 for row in rows] == [int(row[0]) for row in rows]
    assert len(head) == HEAD_BYTES
    reader = Reader(head[:CORE_BYTES], "head")
    reader.raw(5)
    assert Kind(reader.u8()) == Kind.MASKED


def test_the_digests_of_the_example_follow_from_its_parts() -> None:
    head = {row[2]: bytes.fromhex(row[1].strip("`")) for row in table("example: head")}
    rows = {row[0]: bytes.fromhex(row[1].strip("`")) for row in table("example: digests")}
    anchor = head["consortium"] + head["chain id 31337"] + head["the ledger contract"] + head["round 1"]
    context = Writer("round").raw(anchor, 68)
    for part in ("hash of block 14", "digest of the terms", "model it starts from", "root of the roster"):
        context.raw(rows[part], 32)
    masks = Writer("set2").raw(rows["gives the context"], 32).u16(3)
    members = Writer("set3").raw(anchor, 68).u16(3)
    for index, name in enumerate(("gamma", "alpha", "beta"), start=1):
        masks.u16(index).raw(rows[name], 20).raw(rows[f"{name}'s mask key"], 33)
        masks.raw(rows[f"{name}'s transport key"], 33).raw(rows[f"{name}'s dealing, hashed"], 32)
        members.raw(rows[name], 20).raw(rows[f"{name}'s commitment"], 32)
    assert context.digest() == rows["gives the context"]
    assert masks.digest() == rows["gives the mask context"] == head["mask context of the round"]
    assert members.digest() == rows["gives the set digest"]


def test_the_terms_of_the_example_have_the_digest_that_it_gives() -> None:
    fields = [row[1].strip("`") for row in table("example: terms")]
    before, digest, after = fields[:5], Digest(bytes.fromhex(fields[5])), fields[6:]
    protection, *counts = (int(field) for field in before)
    fewest, attestations, threshold, parameters = counts
    step, commit, close = (int(field) for field in after)
    terms = Terms(Protection(protection), fewest, attestations, threshold, parameters, digest, step, commit, close)
    rows = {row[0]: row[1].strip("`") for row in table("example: digests")}
    assert terms_digest(terms).hex() == rows["digest of the terms"]


def test_the_signature_of_the_example_is_its_hospitals() -> None:
    head = {row[2]: bytes.fromhex(row[1].strip("`")) for row in table("example: head")}
    rows = {row[0]: bytes.fromhex(row[1].strip("`")) for row in table("example: digests")}
    statement = SetStatement(
        consortium=head["consortium"],
        chain_id=int.from_bytes(head["chain id 31337"], "big"),
        contract=Address(head["the ledger contract"]),
        round=1,
        mask_context=rows["gives the mask context"],
        set_digest=Digest(rows["gives the set digest"]),
        freeze_block=rows["hash of block 30"],
    )
    assert statement_digest(statement) == rows["gives the statement's digest"]
    signer = AccountEndorser(keystore.generate()).recover(statement, rows["gamma's signature of it"])
    assert signer == rows["gamma"]


def test_no_page_names_a_path_of_one_machine() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(rf"{re.escape(os.sep)}(?:home|root|tmp|work|Users)/", text), page.name
