"""Engine and AsyncEngine: two faces over one core."""

from acctsec.engine._async_face import AsyncAdmins, AsyncEngine
from acctsec.engine._blocking_face import Admins, Engine

__all__ = ["Admins", "AsyncAdmins", "AsyncEngine", "Engine"]
