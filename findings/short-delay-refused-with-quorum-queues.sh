#!/bin/sh
# With quorum queues of RabbitMQ, Celery refuses a delay of less than a second.
#
# Versions:  celery 5.7.0, kombu 5.7.0
# Behaviour: delays may be fractions of a second, and are with every other broker. With a quorum queue on a topic
#            exchange they are cut to whole seconds, and what is left of half a second is refused as "not positive";
#            a delay of 1.9 s becomes 1 s. No broker needs to run for it: the delay is refused before it is asked.
# Seen:      celery 5.7.0: classic queue: 0.5 s goes to the broker; quorum queue: 0.5 s ValueError: countdown must be a
#            positive number
#
# For Donebit: delays are rounded up to whole seconds where the broker is RabbitMQ.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q celery==5.7.0 kombu==5.7.0

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError


def sent_with(arguments):
    """Say what becomes of a message that is to wait for half a second."""
    app = celery.Celery(broker="amqp://127.0.0.1:1//", set_as_current=False)  # where nothing listens
    exchange = Exchange("work", type="topic")
    app.conf.task_queues = [Queue("work", exchange, routing_key="work", queue_arguments=arguments)]
    app.conf.task_default_queue = "work"
    try:
        app.send_task("any", countdown=0.5, retry=False)
    except OperationalError:
        return "goes to the broker"
    except ValueError as error:
        return f"ValueError: {error}"


classic, quorum = sent_with(None), sent_with({"x-queue-type": "quorum"})
print(f"celery {celery.__version__}: classic queue: 0.5 s {classic}; quorum queue: 0.5 s {quorum}")
sys.exit((classic, quorum) != ("goes to the broker", "ValueError: countdown must be a positive number"))
PYTHON
