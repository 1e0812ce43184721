"""What can go wrong with a Redis server itself."""

from __future__ import annotations

import time

import redis


def wipe(port: int) -> None:
    with redis.Redis(port=port) as client:
        client.flushall()


def refuse_writes(port: int, seconds: float) -> None:
    """Answer READONLY to writes, like a server that was replaced by its replica."""
    with redis.Redis(port=port) as client:
        client.replicaof("127.0.0.1", 1)
        time.sleep(seconds)
        client.replicaof("NO", "ONE")


def fill_memory(port: int, seconds: float) -> None:
    """Answer OOM to writes."""
    with redis.Redis(port=port) as client:
        client.config_set("maxmemory", 1)
        time.sleep(seconds)
        client.config_set("maxmemory", 0)


def limit_clients(port: int, seconds: float) -> None:
    """End all connections, and answer "max number of clients reached" to new ones."""
    with redis.Redis(port=port) as client:
        client.config_set("maxclients", 1)
        client.execute_command("CLIENT", "KILL", "TYPE", "normal")
        time.sleep(seconds)
        client.config_set("maxclients", 10000)
