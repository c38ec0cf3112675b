"""The ways to a kernel in a container; apart, for a command's ``--help`` loads nothing more."""

NETS = ("auto", "ipc", "publish")
"""Sockets in a folder, or ports on 127.0.0.1; "auto", the usual: the first where it works."""
