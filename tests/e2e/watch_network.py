"""Runs a command in a network namespace of its own and prints, as JSON, what it tried to reach.

    unshare --net --mount --map-root-user python watch_network.py COMMAND [ARGUMENT ...]

Every address leads back to this namespace, so connections are attempted as if there were an internet, and a name server
answers every name. Traffic between processes on 127.0.0.0/8 is not counted, unless it asks for a name.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ANYWHERE = "203.0.113.7"  # documentation address (RFC 5737) that every name resolves to
DNS_PORT = 53
EVERY_PROTOCOL = 0x0003  # ETH_P_ALL
SYN, ACK = 0x02, 0x10  # flags of a TCP header; a connection begins with SYN alone


def prepare() -> None:
    """Brings the loopback up, leads every address to it and points name lookups at it."""
    for command in ("ip link set lo up", "ip route add local default dev lo", "ip -6 route add local default dev lo"):
        subprocess.run(command.split(), check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as resolver:
        resolver.write("nameserver 127.0.0.1\n")
    os.chmod(resolver.name, 0o644)  # noqa: PTH101
    subprocess.run(["mount", "--bind", resolver.name, "/etc/resolv.conf"], check=True)


def answer_names(names: set[str]) -> None:
    """Answers every lookup with :data:`ANYWHERE` and remembers the name."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", DNS_PORT))
    while True:
        query, sender = server.recvfrom(512)
        names.add(asked_name(query))
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + socket.inet_aton(ANYWHERE)
        server.sendto(query[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + query[12:] + record, sender)


def asked_name(query: bytes) -> str:
    """The name in a DNS query: after 12 bytes, labels that each begin with their length."""
    labels, start = [], 12
    while query[start]:
        labels.append(query[start + 1 : start + 1 + query[start]].decode())
        start += 1 + query[start]
    return ".".join(labels)


def watch(addresses: set[str], done: threading.Event) -> None:
    """Remembers where packets go that leave for anywhere but 127.0.0.0/8 and ::1."""
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(EVERY_PROTOCOL))
    sniffer.bind(("lo", 0))
    sniffer.settimeout(0.1)
    while not done.is_set():
        try:
            packet, link = sniffer.recvfrom(65_535)
        except TimeoutError:
            continue
        if link[2] != socket.PACKET_OUTGOING:
            continue
        target = reached(packet)
        if target is not None:
            addresses.add(target)


def reached(packet: bytes) -> str | None:
    """Where an IP packet begins a conversation: a TCP connection or a UDP datagram to another machine; else None."""
    version = packet[0] >> 4
    protocol, address = (packet[9], packet[16:20]) if version == 4 else (packet[6], packet[24:40])
    payload = packet[(packet[0] & 15) * 4 :] if version == 4 else packet[40:]
    target = ipaddress.ip_address(address)
    opens = payload[13] & (SYN | ACK) == SYN if protocol == socket.IPPROTO_TCP else protocol == socket.IPPROTO_UDP
    if not opens or target.is_loopback or target.is_multicast:
        return None
    return f"{target}:{struct.unpack('!H', payload[2:4])[0]}"


def main() -> None:
    """Watches one command to its end."""
    prepare()
    names: set[str] = set()
    addresses: set[str] = set()
    done = threading.Event()
    watcher = threading.Thread(target=watch, args=(addresses, done))
    watcher.start()
    threading.Thread(target=answer_names, args=(names,), daemon=True).start()
    time.sleep(0.2)
    finished = subprocess.run(sys.argv[1:], check=False, capture_output=True, text=True)
    time.sleep(0.3)
    done.set()
    watcher.join()
    found = {"names": sorted(names), "addresses": sorted(addresses)}
    sys.stdout.write(json.dumps({**found, "exit_code": finished.returncode, "stderr": finished.stderr[-2000:]}))


if __name__ == "__main__":
    main()
