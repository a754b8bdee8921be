from tests.kpis.conftest import _still, reader

__all__ = ["_still", "reader"]
