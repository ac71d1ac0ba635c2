"""The typed client of our own API: for notebooks, programs, the terminal dashboard and tests."""

from crosstape.client import topics
from crosstape.client.asynchronous import AsyncClient
from crosstape.client.errors import ClientError, Refused, Unreachable
from crosstape.client.synchronous import Client

__all__ = ("AsyncClient", "Client", "ClientError", "Refused", "Unreachable", "topics")
