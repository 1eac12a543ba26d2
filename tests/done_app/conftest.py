"""The services of these tests are made once, over stores that stay."""

from tests.web.lasting import real_store, store

__all__ = ["real_store", "store"]
