"""Keys and tokens that an image still ships, those that a later layer hides above all.

Tokens are known by a fixed prefix and their length, as their providers give them out; AWS's as in
gitleaks (gitleaks/gitleaks, `config/gitleaks.toml`), the others were not compared with a list.
A word that merely looks random is no find. No value is ever kept: what is found is its rule and
place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from container_magics.core.layerfind import Sight
from container_magics.core.layers import Contents, Entry
from container_magics.core.layertree import LayerTree

READ_BYTES = 256 << 10
"""Of each file that is looked into."""
MASK = "****"


class Secret(NamedTuple):
    """A secret in the layer of this index: what it is, where, and whether a later layer hides it.

    ``path`` is b"" for one in the history, whose ``line`` is then 0; else ``line`` counts from 1.
    ``length`` is that of the value, which is itself kept nowhere.
    """

    layer: int
    path: bytes
    line: int
    rule: str
    length: int
    hidden_by: int | None


_TOKENS = {
    "private key": rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
    "AWS access key": rb"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    "GitHub token": rb"\b(?:gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_\w{82})\b",
    "GitLab token": rb"\bglpat-[\w-]{20,}",
    "Slack token": rb"\bxox[abeprs]-[0-9A-Za-z-]{10,}",
    "Google API key": rb"\bAIza[\w-]{35}\b",
    "Stripe key": rb"\b[sr]k_live_[0-9A-Za-z]{10,99}\b",
    "npm token": rb"\bnpm_[0-9A-Za-z]{36}\b",
    "PyPI token": rb"\bpypi-AgEIcHlwaS5vcmc[\w-]{50,}",
    "Hugging Face token": rb"\bhf_[A-Za-z]{34}\b",
    "SendGrid key": rb"\bSG\.[\w-]{22}\.[\w-]{43}\b",
    "DigitalOcean token": rb"\bdo[opr]_v1_[a-f0-9]{64}\b",
}
_TOKEN = re.compile(b"|".join(b"(%b)" % one for one in _TOKENS.values()))
_NAMES = tuple(_TOKENS)

# A file that is made to hold a secret: its path, what that is, and the value as a group.
_VALUE = rb"[\"']?([^\s\"'#${}<>]{4,})"
_FILES: tuple[tuple[re.Pattern[bytes], str, re.Pattern[bytes]], ...] = tuple(
    (re.compile(rb"(?:.*/)?" + path), rule, re.compile(value, re.MULTILINE))
    for path, rule, value in (
        (rb"[._]netrc", "password in .netrc", rb"\bpassword\s+(\S+)"),
        (rb"\.npmrc", "npm login", rb"(?:_authToken|_auth|_password)[ \t]*=[ \t]*" + _VALUE),
        (rb"\.pypirc", "password in .pypirc", rb"^\s*password[ \t]*[:=][ \t]*" + _VALUE),
        (rb"(?:pip\.conf|\.?pip/pip\.conf)", "login for pip", rb"://[^/\s:@]+:([^/\s@]+)@"),
        (
            rb"(?:\.docker/config\.json|\.dockercfg|containers/auth\.json|kaniko/.*config\.json)",
            "registry login",
            rb'"(?:auth|identitytoken|registrytoken)"\s*:\s*"([^"]{4,})"',
        ),
        (rb"\.git-credentials", "git login", rb"://[^/\s:@]+:([^/\s@]+)@"),
        (
            rb"(?:\.kube/config|[^/]*kubeconfig[^/]*|etc/kubernetes/[^/]+\.conf)",
            "cluster login",
            rb"^\s*(?:-\s+)?(?:client-key-data|token|password)[ \t]*:[ \t]*" + _VALUE,
        ),
        (
            rb"\.aws/credentials",
            "AWS secret key",
            rb"^\s*aws_(?:secret_access_key|session_token)[ \t]*=[ \t]*" + _VALUE,
        ),
        (
            rb"\.env(?:\.[\w.-]+)?",
            "secret in .env",
            rb"^\s*(?:export\s+)?\w*(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY)\w*"
            rb"[ \t]*=[ \t]*" + _VALUE,
        ),
        (rb"etc/shadow-?", "password hash", rb"^[^:\n]+:(\$[^:\n]{8,}):"),
    )
)
# What the last name of each such path is like: asked of every file before the patterns, each of
# which looks through the whole path.
_LAST_NAMES = frozenset(
    (b".netrc", b"_netrc", b".npmrc", b".pypirc", b".dockercfg", b"auth.json", b".git-credentials",
     b"config", b"credentials", b"shadow", b"shadow-")
)  # fmt: skip
_LAST_ENDS = (b".conf", b"config.json")
_EXAMPLES = re.compile(rb"\.(?:example|sample|template|dist)$")
# What packages bring: many files, and test keys in plenty. A file made for secrets is read there.
_PACKAGED = re.compile(
    rb"usr/(?!local/|src/)|(?:lib|lib64|bin|sbin|var/lib/(?:dpkg|apt|rpm)|var/cache|etc/ssl/certs"
    rb"|etc/ca-certificates|proc|sys|dev)/|.*/(?:site-packages|dist-packages|node_modules)/"
)
_VARIABLE = re.compile(
    r"\b\w*(?:SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_?KEY)\w*\s*=\s*"
    r"(\"[^\"]{3,}\"|'[^']{3,}'|[^\s\"'$]{3,})",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"://[^/\s:@$]+:([^/\s@$]+)@")


def secrets(tree: LayerTree, contents: Contents) -> tuple[Secret, ...]:
    """What is found in all layers and in the history: hidden ones first, then by layer and path.

    Files made for secrets are looked into wherever they are, others of at most ``READ_BYTES``
    but for those in the folders that packages fill. Raises what ``contents`` raises.
    """
    found = list(in_history(tree))
    sight = Sight(tree)
    looked = {(index, entry.path): entry for index, entry in _worth_a_look(tree)}
    for (index, path), inside in contents.read_as(looked, READ_BYTES, _in_file):
        hider = sight.found(index, looked[index, path]).hider
        for rule, line, length in inside:
            found.append(Secret(index, path, line, rule, length, hider))
    return tuple(sorted(found, key=lambda s: (s.hidden_by is None, s.layer, s.path, s.line)))


def _worth_a_look(tree: LayerTree) -> Iterator[tuple[int, Entry]]:
    for index, layer in enumerate(tree.layers):
        for entry in layer.entries:
            if entry.kind != "file" or not entry.size_bytes:
                continue
            if _made_for_secrets(entry.path) or (
                entry.size_bytes <= READ_BYTES and not _PACKAGED.match(entry.path)
            ):
                yield index, entry


def _made_for_secrets(path: bytes) -> bool:
    name = path[path.rfind(b"/") + 1 :]
    if name.startswith(b"id_") and b"/.ssh/" in b"/" + path:
        return not name.endswith(b".pub")
    return _may_hold_secrets(name) and any(True for _ in _rules(path))


def _may_hold_secrets(name: bytes) -> bool:
    return (
        name in _LAST_NAMES
        or name.endswith(_LAST_ENDS)
        or name.startswith(b".env")
        or b"kubeconfig" in name
    )


def _rules(path: bytes) -> Iterator[tuple[str, re.Pattern[bytes]]]:
    """What a file at ``path`` is made to hold, and how that looks."""
    if _may_hold_secrets(path[path.rfind(b"/") + 1 :]):
        for pattern, rule, value in _FILES:
            if pattern.fullmatch(path):
                yield rule, value


def _in_file(path: bytes, body: bytes) -> tuple[tuple[str, int, int], ...]:
    return tuple(in_file(path, body))


def in_file(path: bytes, body: bytes) -> Iterator[tuple[str, int, int]]:
    """(rule, line from 1, length of the value) for each secret in a file's content."""
    told: set[int] = set()
    for found in _TOKEN.finditer(body):
        rule = _NAMES[(found.lastindex or 1) - 1]
        if rule == "private key" and not _is_key(body, found.end()):
            continue
        line = body.count(b"\n", 0, found.start()) + 1
        told.add(line)
        yield rule, line, len(found[0])
    if _EXAMPLES.search(path):
        return
    for rule, value in _rules(path):
        for found in value.finditer(body):
            line = body.count(b"\n", 0, found.start(1)) + 1
            if line not in told:
                told.add(line)
                yield rule, line, len(found[1])


def _is_key(body: bytes, at: int) -> bool:
    """Whether base64 follows the line that begins a key: a text that only names it has none."""
    return (
        re.match(rb"[\s\\nr]{1,8}(?:[\w-]+: [^\n]*\s+)*[A-Za-z0-9+/=]{16}", body[at:]) is not None
    )


def in_history(tree: LayerTree) -> Iterator[Secret]:
    """Secrets in the instructions themselves: ENV, ARG and what RUN was given."""
    for index, layer in enumerate(tree.layers):
        for rule, start, end in _in_text(layer.instruction):
            yield Secret(index, b"", 0, rule, end - start, None)


def masked(instruction: str) -> str:
    """An instruction without the values of the secrets in it."""
    for _, start, end in sorted(_in_text(instruction), key=lambda one: one[1], reverse=True):
        instruction = instruction[:start] + MASK + instruction[end:]
    return instruction


def _in_text(text: str) -> list[tuple[str, int, int]]:
    """(rule, start, end) of each value, none of which overlap."""
    # One character, one byte: so the places are the same in both.
    data = text.encode("ascii", "replace")
    found = [(_NAMES[(m.lastindex or 1) - 1], m.start(), m.end()) for m in _TOKEN.finditer(data)]
    found += [("secret in a variable", m.start(1), m.end(1)) for m in _VARIABLE.finditer(text)]
    found += [("login in an address", m.start(1), m.end(1)) for m in _LOGIN.finditer(text)]
    apart: list[tuple[str, int, int]] = []
    for one in sorted(found, key=lambda each: (each[1], -each[2])):
        if not apart or one[1] >= apart[-1][2]:
            apart.append(one)
    return apart
