"""Imported by the process that forks the services of tests: their documents' schemas are made in advance."""

from __future__ import annotations

from redis import Redis

import distinct_app.service
import done_app.service
import trigger_app.service
from donebit.config import Settings
from donebit.store import Store
from tests.quick_documents import remember_schemas

ELSEWHERE = "redis://127.0.0.1:1/0"  # nobody listens there, and nobody asks

remember_schemas()
with Redis.from_url(ELSEWHERE) as client:
    for service in (trigger_app.service, done_app.service, distinct_app.service):
        service.create_app(Settings(redis_url=ELSEWHERE, broker_url=ELSEWHERE), Store.on(client))
