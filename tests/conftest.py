"""What any test may ask for."""

from tests.model_server import model_server, serial_model_server

__all__ = ["model_server", "serial_model_server"]
