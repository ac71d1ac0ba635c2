"""The network out: REST, WebSocket and the hub that keeps what they answer from."""

from crosstape.api.app import create_app
from crosstape.api.hub import Hub
from crosstape.api.server import serve, serving
from crosstape.api.settings import ApiSettings

__all__ = ["ApiSettings", "Hub", "create_app", "serve", "serving"]
